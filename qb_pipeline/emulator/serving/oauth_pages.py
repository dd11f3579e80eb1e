"""OAuth over HTTP: discovery, the consent page, the token endpoint and the revocation endpoint.

Belongs here: addresses, forms, pages on which a person clicks. Does not belong here: the validity of tokens
(``oauth``).
"""

import base64
import binascii
import html as markup
import json
import secrets
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from qb_pipeline.emulator.serving import wire
from qb_pipeline.emulator.serving.api import refuse_before, throttle
from qb_pipeline.emulator.serving.pages import page
from qb_pipeline.emulator.serving.wire import Reply
from qb_pipeline.emulator.steering.oauth import SCOPES, GrantError
from qb_pipeline.emulator.steering.scripted_faults import BEFORE, Mishap
from qb_pipeline.emulator.steering.state import EmulatorState, Tenant

HARD_EXPIRY_HEADER = "x-include-refresh-token-hard-expires-in"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class OAuthPages:
    """The OAuth endpoints."""

    def __init__(self, state: EmulatorState) -> None:
        self.state = state

    async def discovery(self, request: Request) -> Response:
        """Return the OpenID discovery document, which contains the addresses of all endpoints."""
        base = str(request.base_url).rstrip("/")
        return JSONResponse(
            {
                "issuer": f"{base}/op/v1",
                "authorization_endpoint": f"{base}/connect/oauth2",
                "token_endpoint": f"{base}/oauth2/v1/tokens/bearer",
                "userinfo_endpoint": f"{base}/v1/openid_connect/userinfo",
                "revocation_endpoint": f"{base}/v2/oauth2/tokens/revoke",
                "jwks_uri": f"{base}/op/v1/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": sorted(SCOPES),
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
                "claims_supported": ["aud", "exp", "iat", "iss", "realmid", "sub"],
            }
        )

    async def consent(self, request: Request) -> Response:
        """Ask a person whether an app may read and write a company's books.

        A valid GET shows the consent page. A valid POST sends the browser back to the app with a code, or with an error
        when the person has refused.
        """
        form = await _form(request) if request.method == "POST" else {}
        params = {**dict(request.query_params), **form}
        problem = self._find_problem(params)
        if problem:
            return HTMLResponse(page("Connect", f"<h1>Can't connect</h1><p>{markup.escape(problem)}</p>"), 400)
        back, state = params["redirect_uri"], params["state"]
        unknown = set(params.get("scope", "").split()) - SCOPES
        if unknown or not params.get("scope"):
            return _redirect(back, {"error": "invalid_scope", "state": state})
        if request.method == "GET":
            return HTMLResponse(self._consent_page(params))
        realm = params.get("company", "")
        if params.get("answer") != "allow" or realm not in self.state.tenants:
            return _redirect(back, {"error": "access_denied", "state": state})
        code = self.state.authorizations.give_code(realm, back)
        return _redirect(back, {"code": code, "state": state, "realmId": realm})

    def _find_problem(self, params: dict[str, str]) -> str:
        if params.get("client_id") not in self.state.authorizations.clients:
            return "The client id is not known here. The emulator's own is emulator-client."
        if params.get("response_type") != "code":
            return "response_type must be code."
        if not params.get("state"):
            return "state is missing."
        if urlsplit(params.get("redirect_uri", "")).hostname not in LOOPBACK:
            return "redirect_uri must lead to this machine (localhost): that is all the emulator is for."
        return ""

    def _consent_page(self, params: dict[str, str]) -> str:
        hidden = "".join(
            f'<input type="hidden" name="{markup.escape(name)}" value="{markup.escape(value)}">'
            for name, value in params.items()
            if name not in ("company", "answer")
        )
        choices = "".join(
            f'<option value="{realm}">{markup.escape(tenant.company.name)}</option>'
            for realm, tenant in self.state.tenants.items()
        )
        if not choices:
            return page("Connect", "<h1>No company yet</h1><p>Make one first: POST /emulator/companies.</p>")
        return page(
            "Connect",
            "<h1>Connect an app to your company</h1>"
            f"<p><b>{markup.escape(params['client_id'])}</b> wants to see and change accounting data.</p>"
            f'<form method="post" action="/connect/oauth2">{hidden}'
            f'<p><label for="company">Company</label> <select id="company" name="company">{choices}</select></p>'
            '<p><button id="allow" name="answer" value="allow">Connect</button> '
            '<button id="deny" name="answer" value="deny" class="quiet">No, thanks</button></p></form>'
            "<p class='faint'>This is the emulator. Nothing here reaches Intuit.</p>",
        )

    async def token(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Exchange a code or a refresh token, and send the answer, which a mishap of the company's plan may spoil."""
        request = Request(scope, receive)
        self.state.settle()
        form = await _form(request)
        mishap = self._pick(form)
        reply: Reply | None
        if mishap is not None and mishap.what in BEFORE:
            reply = refuse_before(self.state, mishap)
        else:
            reply = self._exchange(request, form)
        if mishap is not None and mishap.what == "commit_then_drop":
            reply = None
        elif mishap is not None and mishap.what == "commit_then_html_500":
            reply = wire.html(500)
        elif mishap is not None and mishap.what.startswith("429"):
            reply = throttle(self.state, mishap.what.removeprefix("429_"), None)
        if reply is None:
            await wire.drop(scope, receive)
        else:
            await wire.send_reply(scope, receive, send, reply, mishap)

    def _pick(self, form: dict[str, str]) -> Mishap | None:
        vault = self.state.authorizations.vault
        known = vault.refresh.get(form.get("refresh_token", "")) or vault.codes.get(form.get("code", ""))
        tenant: Tenant | None = self.state.tenants.get(known.realm) if known else None
        if tenant is None:
            return None
        tenant.meter.begin("POST token")
        tenant.meter.end(200)
        mishap = tenant.plan.pick("token", form.get("grant_type", ""))
        if mishap is not None:
            tenant.meter.mishaps[mishap.what] += 1
        return mishap

    def _exchange(self, request: Request, form: dict[str, str]) -> Reply:
        authorizations = self.state.authorizations
        try:
            if not self._knows_client(request, form):
                raise GrantError("invalid_client", status=401)
            if form.get("grant_type") == "authorization_code":
                redirect = form.get("redirect_uri", "")
                return wire.json(200, authorizations.exchange(self.state.company_of, form.get("code", ""), redirect))
            if form.get("grant_type") == "refresh_token":
                hard = request.headers.get(HARD_EXPIRY_HEADER) == "true"
                token = form.get("refresh_token", "")
                return wire.json(200, authorizations.refresh(self.state.company_of, token, show_hard_expiry=hard))
            raise GrantError("unsupported_grant_type")
        except GrantError as error:
            return wire.json(error.status, error.body)

    def _knows_client(self, request: Request, form: dict[str, str]) -> bool:
        name, secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, coded = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                name, _, secret = base64.b64decode(coded, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return False
        expected = self.state.authorizations.clients.get(name)
        return expected is not None and secrets.compare_digest(expected, secret)

    async def revoke(self, request: Request) -> Response:
        """End all connections of the company that the token in the form belongs to."""
        form = await _form(request)
        if not self._knows_client(request, form):
            return JSONResponse({"error": "invalid_client"}, 401)
        if not self.state.authorizations.revoke(form.get("token", "")):
            return JSONResponse({"error": "invalid_request"}, 400)
        return Response(status_code=200)


async def _form(request: Request) -> dict[str, str]:
    """Read the fields of a form, or of the JSON that the revocation endpoint accepts as well."""
    body = (await request.body()).decode("utf-8", "replace")
    if "json" in request.headers.get("content-type", ""):
        try:
            content = json.loads(body)
        except ValueError:
            return {}
        return {str(name): str(value) for name, value in content.items()} if isinstance(content, dict) else {}
    return {name: values[-1] for name, values in parse_qs(body, keep_blank_values=True).items()}


def _redirect(back: str, params: dict[str, str]) -> Response:
    sign = "&" if urlsplit(back).query else "?"
    return RedirectResponse(f"{back}{sign}{urlencode(params)}", 302)
