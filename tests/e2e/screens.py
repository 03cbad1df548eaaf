"""The pages that people look at, each with the one whose browser shows it best: for `make screenshots`.

Which no picture is taken of stands in NO_SCREEN.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from services.settings import ROOT

FOLDER = ROOT / "docs" / "screens"
WIDTHS = {"desktop": 1280, "phone": 375}  # pixels

NO_SCREEN = {"comparing.of_persona": "as comparing.of_any, of one persona"}


class Who(StrEnum):
    RATER = "a rater"
    ADMIN = "an admin"
    NOBODY = "somebody who was never here"


@dataclass(frozen=True, slots=True)
class Screen:
    """`path` names in braces what is only known once the service has something to show."""

    path: str
    title: str
    who: Who = Who.RATER

    def picture(self, width: str) -> Path:
        name = re.sub(r"[^a-z]+", "-", self.path).strip("-") or "start"
        return FOLDER / f"{name}-{width}.png"


SCREENS = (
    Screen("/answers/{answer}", "An answer, rated and made better"),
    Screen("/p/{tutor}/curate", "A persona, for its curators", Who.ADMIN),
    Screen("/", "Choosing a persona", Who.NOBODY),
    Screen("/p/{tutor}", "A persona, to be asked"),
    Screen("/answers/{answer}/why", "Why an answer is as it is"),
    Screen("/compare", "Comparing, before there is a pair", Who.NOBODY),
    Screen("/comparisons/{comparison}", "Two answers compared, blind"),
    Screen("/peers/{peer}", "An answer that somebody else got"),
    Screen("/history", "One's own history"),
    Screen("/your-data", "One's own data"),
    Screen("/p/{tutor}/runs", "How a persona learns"),
    Screen("/runs/{run}", "A training run"),
    Screen("/p/{tutor}/ledger", "Who served when, and why"),
    Screen("/p/{tutor}/live", "Why this is live"),
    Screen("/decisions/{decision}", "A decision of the gate", Who.ADMIN),
    Screen("/judge/{candidate}/{champion}", "Two answers judged blind", Who.ADMIN),
    Screen("/curate", "Every persona, for curators", Who.ADMIN),
    Screen("/p/{tutor}/review", "What waits for a review", Who.ADMIN),
    Screen("/p/{tutor}/review/{reviewed}", "An answer under review", Who.ADMIN),
    Screen("/p/{tutor}/curate/policy", "The rules of a persona", Who.ADMIN),
    Screen("/curate/new", "A new persona", Who.ADMIN),
    Screen("/sign-in", "Signing in", Who.NOBODY),
    Screen("/invitations/{invitation}", "An invitation", Who.NOBODY),
    Screen("/account", "One's own account", Who.ADMIN),
    Screen("/admin/accounts", "Accounts and invitations", Who.ADMIN),
    Screen("/admin/audit", "The audit log", Who.ADMIN),
)


def write_index() -> None:
    """docs/screens.md, from SCREENS."""
    wide = WIDTHS["desktop"], WIDTHS["phone"]
    lines = [
        "# Every page",
        "",
        "Made by `make screenshots`: a service of its own plays two nights of the demo, and a real browser",
        f"looks at every page of it, {wide[0]} and {wide[1]} pixels wide.",
    ]
    for screen in SCREENS:
        lines += ["", f"## {screen.title}", "", f"`{screen.path}`, as {screen.who} sees it.", ""]
        lines += [f"![{screen.title}, {width}](screens/{screen.picture(width).name})" for width in WIDTHS]
    FOLDER.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
