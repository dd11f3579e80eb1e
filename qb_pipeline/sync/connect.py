"""Connect a firm to its QuickBooks company, once its person has consented."""

from qb_pipeline.ledger.firms import Firm
from qb_pipeline.quickbooks.client import Company
from qb_pipeline.quickbooks.oauth import OAuth
from qb_pipeline.quickbooks.throttle import Throttle
from qb_pipeline.sync.companies import Companies


def connect_firm(companies: Companies, firm_id: str, oauth: OAuth, code: str, realm_id: str, *, actor: str) -> Firm:
    """Exchange the code of a consent, ask the company for its name, pin the firm to it and keep the tokens.

    Raises:
        SetUpError: the firm belongs to another company, or this company to another firm; the tokens are not kept.
        AuthorizationLostError: the code is spent; ask for consent again.
    """
    tokens = oauth.exchange(code)
    with Company(
        api_url=companies.environment.api_url,
        realm_id=realm_id,
        access_token=lambda _refused: tokens.access_token,
        throttle=Throttle(),
    ) as company:
        name = str(company.read_company_info().get("CompanyName", ""))
    now = companies.clock()
    environment = companies.environment.name
    firm = companies.firms.connect(
        firm_id, environment=environment, realm_id=realm_id, company_name=name, actor=actor, now=now
    )
    companies.tokens.save(firm_id, realm_id=realm_id, environment=environment, tokens=tokens, now=now)
    return firm
