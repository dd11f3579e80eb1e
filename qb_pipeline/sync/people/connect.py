"""The connection of a firm to its QuickBooks company, after its person has consented."""

from qb_pipeline.billing.source import BillingSource
from qb_pipeline.ledger.setup import schema
from qb_pipeline.ledger.setup.bindings import Bindings
from qb_pipeline.ledger.setup.firms import Firm
from qb_pipeline.quickbooks.client import QuickBooksClient
from qb_pipeline.quickbooks.oauth import OAuth
from qb_pipeline.quickbooks.throttle import Throttle
from qb_pipeline.sync.deployment import Deployment
from qb_pipeline.sync.verify.binding import company_fingerprint, find_marked, foreign, require_company


def connect_firm(deployment: Deployment, firm_id: str, oauth: OAuth, code: str, realm_id: str, *, actor: str) -> Firm:
    """Exchange the code of a consent for tokens, pin the firm to its company, and store the tokens.

    The company's name is read for this. The first time, the firm is bound to company, billing and ledger, and the
    company is searched for documents of another installation of this pipeline. If there are some, nothing is sent
    before a person has decided about the other installation.

    Raises:
        SetUpError: the firm belongs to another company, or this company to another firm; the tokens are not stored.
        AuthorizationLostError: the code is spent; ask for consent again.
    """
    tokens = oauth.exchange(code)
    bindings = Bindings(deployment.ledger, firm_id)
    with QuickBooksClient(
        api_url=deployment.environment.api_url,
        realm_id=realm_id,
        access_token=lambda _refused: tokens.access_token,
        throttle=Throttle(),
    ) as company:
        info = company.read_company_info()
        fingerprint = company_fingerprint(info)
        now = deployment.clock()
        environment = deployment.environment.name
        bound = bindings.read()
        if bound is not None and deployment.firms.get(firm_id).realm_id == realm_id:
            require_company(firm_id, realm_id, bound, fingerprint)
        firm = deployment.firms.connect(
            firm_id,
            environment=environment,
            realm_id=realm_id,
            company_name=str(info.get("CompanyName", "")),
            actor=actor,
            now=now,
        )
        if bound is None:
            known = {schema.installation_id(deployment.ledger), *bindings.former()}
            others = {installation for installation, _, _ in find_marked(company)} - known
            bindings.bind(
                company=fingerprint,
                billing=BillingSource(deployment.billing, firm_id).fingerprint(),
                now=now,
                reconcile_first=foreign(others) if others else "",
            )
        else:
            bindings.company_checked(fingerprint, now=now)
    deployment.tokens.save(firm_id, realm_id=realm_id, environment=environment, tokens=tokens, now=now)
    return firm
