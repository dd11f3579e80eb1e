"""Connect a firm to its QuickBooks company, once its person has consented."""

from qb_pipeline.billing.source import BillingSource
from qb_pipeline.ledger import schema
from qb_pipeline.ledger.bindings import Bindings
from qb_pipeline.ledger.firms import Firm
from qb_pipeline.quickbooks.client import Company
from qb_pipeline.quickbooks.oauth import OAuth
from qb_pipeline.quickbooks.throttle import Throttle
from qb_pipeline.sync.binding import company_fingerprint, find_marked, foreign, require_company
from qb_pipeline.sync.companies import Companies


def connect_firm(companies: Companies, firm_id: str, oauth: OAuth, code: str, realm_id: str, *, actor: str) -> Firm:
    """Exchange the code of a consent, ask the company for its name, pin the firm to it and keep the tokens.

    The first time the firm is bound to company, billing and ledger, and the company is searched for documents of
    another installation of this pipeline: where there are some, nothing is sent before a person has said what became
    of it.

    Raises:
        SetUpError: the firm belongs to another company, or this company to another firm; the tokens are not kept.
        AuthorizationLostError: the code is spent; ask for consent again.
    """
    tokens = oauth.exchange(code)
    bindings = Bindings(companies.ledger, firm_id)
    with Company(
        api_url=companies.environment.api_url,
        realm_id=realm_id,
        access_token=lambda _refused: tokens.access_token,
        throttle=Throttle(),
    ) as company:
        info = company.read_company_info()
        fingerprint = company_fingerprint(info)
        now = companies.clock()
        environment = companies.environment.name
        bound = bindings.read()
        if bound is not None and companies.firms.get(firm_id).realm_id == realm_id:
            require_company(firm_id, realm_id, bound, fingerprint)
        firm = companies.firms.connect(
            firm_id,
            environment=environment,
            realm_id=realm_id,
            company_name=str(info.get("CompanyName", "")),
            actor=actor,
            now=now,
        )
        if bound is None:
            known = {schema.installation_id(companies.ledger), *bindings.former()}
            others = {installation for installation, _, _ in find_marked(company)} - known
            bindings.bind(
                company=fingerprint,
                billing=BillingSource(companies.billing, firm_id).fingerprint(),
                now=now,
                reconcile_first=foreign(others) if others else "",
            )
        else:
            bindings.company_checked(fingerprint, now=now)
    companies.tokens.save(firm_id, realm_id=realm_id, environment=environment, tokens=tokens, now=now)
    return firm
