"""A company's settings as they were last read, so that not every run has to ask for them."""

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import msgspec
import sqlalchemy as sa

from qb_pipeline.core.planning.preflight import CompanySettings
from qb_pipeline.database import Queries

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class Seen:
    """Settings, and the time when they were read. ``is_doubtful`` tells whether QuickBooks has refused something
    since."""

    settings: CompanySettings
    seen_at: datetime
    is_doubtful: bool


def remember(engine: sa.Engine, firm_id: str, settings: CompanySettings, *, now: datetime) -> None:
    """Store the settings as QuickBooks answers them now."""
    written = msgspec.json.encode(asdict(settings)).decode()
    with engine.begin() as connection:
        connection.execute(queries["remember"], {"firm_id": firm_id, "settings": written, "now": now})


def seen(engine: sa.Engine, firm_id: str) -> Seen | None:
    """Return the settings as last read, or None when they never were."""
    with engine.connect() as connection:
        row = connection.execute(queries["seen"], {"firm_id": firm_id}).one_or_none()
    return Seen(msgspec.convert(row.settings, CompanySettings), row.seen_at, row.is_doubtful) if row else None


def has_refused_a_number(engine: sa.Engine, firm_id: str) -> bool:
    """Return whether QuickBooks ever refused a document of this firm because its number was taken (fault 6140)."""
    with engine.connect() as connection:
        return bool(connection.scalar(queries["has_refused_a_number"], {"firm_id": firm_id}))
