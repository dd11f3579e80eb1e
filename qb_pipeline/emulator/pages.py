"""Read-only pages that show a company as a bookkeeper looks at it.

Belongs here: HTML. Does not belong here: a way to change anything.
"""

import html

from qb_pipeline.emulator.company import Company

CSS = """
body { font: 15px/1.5 system-ui, sans-serif; color: #22303c; background: #f4f6f8; margin: 0 }
"""


def page(title: str, content: str) -> str:
    """Wrap content into a page."""
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{html.escape(title)}</title>"
        f"<style>{CSS}</style></head><body><main>{content}</main></body></html>"
    )


def companies_page(companies: list[Company]) -> str:
    """List the companies."""
    rows = "".join(
        f"<li><a href='/company/{company.realm}'>{html.escape(company.name)}</a></li>" for company in companies
    )
    return page("QuickBooks emulator", f"<h1>Companies</h1><ul>{rows}</ul>")
