"""What a persona learnt night by night: its versions, which of them serves, what was measured of each."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from feedback_app.api.calls import Call
from feedback_app.api.fields import Shown
from feedback_app.api.operations import listing, reading
from feedback_app.api.pages import Page, Place
from services.adapters.listing import ListedVersion, versions
from services.adapters.live import live_now
from services.adapters.promotions import find_persona
from services.db.feedback_tables import PersonaRow
from services.domain.scopes import Scope
from services.errors.lookups import UnknownVersion


class Serves(StrEnum):
    CHAMPION = "champion"
    CANARY = "canary"
    NO = "no"


class VersionShown(Shown):
    """`usable` is false for one whose files were damaged or removed, or that learnt from an erased rater."""

    number: int
    name: str
    created_at: datetime
    serves: Serves
    usable: bool
    metrics: dict[str, float | None]


@listing("/personas/<slug>/versions", scope=Scope.PERSONAS, shows=Page[VersionShown])
def list_versions(session: Session, call: Call, place: Place, slug: str) -> Page[VersionShown]:  # noqa: ARG001
    """The versions of a persona, the newest first."""
    persona = find_persona(session, slug)
    live = _live(session, persona)
    rows = versions(session, persona, limit=place.wanted, below=int(place.after) if place.after else None)
    return place.page(rows, lambda one: _shown(one, live), named=lambda one: one.row.number)


@reading("/personas/<slug>/versions/<int(max=2147483647):number>", scope=Scope.PERSONAS, shows=VersionShown)
def get_version(session: Session, call: Call, slug: str, number: int) -> VersionShown:  # noqa: ARG001
    """One version of a persona."""
    persona = find_persona(session, slug)
    found = versions(session, persona, limit=1, only=number)
    if not found:
        raise UnknownVersion(slug, number)
    return _shown(found[0], _live(session, persona))


def _live(session: Session, persona: PersonaRow) -> dict[int, Serves]:
    champion, canary = live_now(session, persona)
    live = {canary.version_id: Serves.CANARY} if canary is not None else {}
    return live | {champion.version_id: Serves.CHAMPION}


def _shown(one: ListedVersion, live: dict[int, Serves]) -> VersionShown:
    row = one.row
    return VersionShown(
        number=row.number,
        name=row.name,
        created_at=row.created_at,
        serves=live.get(row.id, Serves.NO),
        usable=not (row.unsound_at or row.removed_at or row.tainted_at),
        metrics=dict(one.metrics),
    )
