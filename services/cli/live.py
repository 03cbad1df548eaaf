"""`persona-loop live-at` and `why-live`: who answered at an instant, and what the present one rests on."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from services.cli.lines import fields, instant, moment, section
from services.cli.output import Json, show, speaking, tell
from services.jobs import live as jobs

Record = dict[str, Any]

commands = typer.Typer()


@commands.command("live-at")
@speaking
def live_at(
    persona: str,
    at: Annotated[
        str, typer.Argument(metavar="INSTANT", help="ISO 8601 with a time zone: 2026-11-20T02:00:00+00:00.")
    ],
    as_json: Json = False,
) -> None:
    """Who answered a persona at an instant: the champion, and the canary beside it."""
    found = jobs.tell_live_at(persona, at)
    if as_json:
        show(found, as_json=True)
        return
    tell([f"{found['persona']} at {instant(found['at'])}"])
    for placed in filter(None, (found, found["canary"])):
        tell(_placed(placed))


@commands.command("why-live")
@speaking
def why_live(persona: str, as_json: Json = False) -> None:
    """Why this is live: the decision, its evidence, the training set and the recipe of what serves now."""
    found = jobs.tell_why_live(persona)
    if as_json:
        show(found, as_json=True)
        return
    for placed in filter(None, (found, found["canary"])):
        tell(_placed(placed))
        tell(_rests_on(placed))


def _placed(placed: Record) -> Iterator[str]:
    what = "canary" if placed["kind"] == "canary" else "champion"
    yield from section(f"Version {placed['version']}, the {what}, {placed['share']:.0%} of conversations")
    if placed["since"] is None:
        yield from fields({"name": placed["name"], "since": "the beginning: nothing was promoted yet"})
        return
    yield from fields(
        {
            "name": placed["name"],
            f"{what} since": f"{instant(placed['since'])}, ledger row {placed['promotion']}",
            "how": f"{placed['kind']} by {placed['actor']}: {placed['reason']}",
        }
    )


def _rests_on(placed: Record) -> Iterator[str]:
    decision, learnt = placed["decision"], placed["learnt"]
    if decision is None:
        yield from fields({"decision": "none"})
    else:
        reports = ", ".join(
            f"number {number} of the {whose}" for whose, number in decision["reports"].items()
        )
        yield from fields(
            {
                "decision": f"{decision['id']}, {decision['verdict']} at {moment(decision['at'])}",
                "rests on": f"{decision['items']} items of suite {decision['suite'][:12]}",
                "reports": reports,
            }
        )
    if learnt is None:
        yield from fields(
            {"learnt from": "nothing: the plain base" if placed["version"] == 0 else "not known"}
        )
        return
    yield from fields(
        {
            "learnt from": f"set {learnt['training_set']}, {learnt['rows']} rows",
            "cutoff": moment(learnt["cutoff"]),
            "set's digest": learnt["set_digest"][:12],
            "recipe": f"{learnt['recipe_digest'][:12]}, training run {learnt['training_run']}",
        }
    )
