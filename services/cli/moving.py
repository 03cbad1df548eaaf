"""A move of the ledger for people: its row, and in a sentence what it means or that it was there before."""

import typer

from services.cli.output import show
from services.domain.promotions import PromotionKind
from services.jobs.promote import Moved


def show_moved(moved: Moved, *, as_json: bool) -> None:
    """The row on standard output; the sentence, for which machines have `already`, on standard error."""
    if as_json:
        show(dict(moved), as_json=True)
        return
    show(
        {name: value for name, value in moved.items() if name != "already" and value is not None},
        as_json=False,
    )
    if sentence := _sentence(moved):
        typer.echo(sentence, err=True)


def _sentence(moved: Moved) -> str:
    """Empty for a version that serves everyone from now on."""
    persona, version, serves = moved["persona"], moved["version"], moved["serves"]
    if moved["kind"] == PromotionKind.CANARY:
        share = f"{moved['share'] or 0:.0%} of the conversations"
        look = f"`persona-loop canary show {persona}` says how it goes."
        if moved["already"]:
            return f"Version {version} is in its canary already, with {share}: nothing was done; {look}"
        return f"{share} go to version {version} first: {look}"
    if not moved["already"]:
        return ""
    if serves == version:
        return f"Version {version} serves already, by this decision: nothing was done."
    return (
        f"This decision was carried out before, and version {serves} serves since: nothing was done; "
        f"`persona-loop rollback {persona} --to {version}` puts version {version} back."
    )
