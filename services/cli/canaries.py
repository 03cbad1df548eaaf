"""`persona-loop canary …`: let some conversations try a version, read what they say, end it, look by hand."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from services.cli.actor import actor
from services.cli.lines import fields, moment, sentences
from services.cli.moving import show_moved
from services.cli.output import Json, show, speaking, tell
from services.jobs import canaries as jobs

Record = dict[str, Any]

commands = typer.Typer(no_args_is_help=True, help="Canaries: start, show, stop, watch.")

Reason = Annotated[str, typer.Option(help="Why; kept in the ledger.")]


@commands.command()
@speaking
def start(
    decision_id: int,
    reason: Reason,
    share: Annotated[
        float | None, typer.Option(help="Of conversations; what the persona's policy says if not given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Let the candidate of a PASS or INSUFFICIENT decision answer a share of the conversations."""
    show_moved(jobs.start(decision_id, share, reason, actor()), as_json=as_json)


@commands.command("show")
@speaking
def show_canary(persona: str, as_json: Json = False) -> None:
    """The open canary of a persona and what its ratings say by now."""
    found = jobs.show(persona)
    if as_json:
        show(found, as_json=True)
    else:
        tell(_told(found))


@commands.command()
@speaking
def stop(persona: str, reason: Reason, as_json: Json = False) -> None:
    """End the open canary of a persona: the champion has all conversations again."""
    show_moved(jobs.stop(persona, reason, actor()), as_json=as_json)


@commands.command()
@speaking
def watch(as_json: Json = False) -> None:
    """Look at every open canary once and do what its ratings say, as the service does every few minutes."""
    show([dict(jobs.watch(persona)) for persona in jobs.open_canaries()], as_json=as_json)


def _told(found: Record) -> Iterator[str]:
    yield f"{found['persona']}: version {found['version']} beside version {found['champion']}"
    yield from fields(
        {
            "share": f"{found['share']:.0%} of conversations",
            "since": f"{moment(found['since'])}, by {found['actor']}: {found['reason']}",
            "decision": found["decision"],
            "canary": _arm(found, "canary"),
            "champion": _arm(found, "champion"),
            "waiting": f"{found['waiting']} conversations of raters who had their share",
            "as rated": _estimate(found["raw"]),
            "at equal length, lists and bold": _estimate(found["adjusted"]),
        }
    )
    yield from sentences(filter(None, (found["sentence"], found["warning"])))


def _arm(found: Record, arm: str) -> str:
    return f"{found[f'{arm}_conversations']} conversations of {found[f'{arm}_raters']} raters"


def _estimate(estimate: Record | None) -> str:
    if estimate is None:
        return "too few to tell"
    difference, error = 100 * estimate["difference"], 100 * estimate["standard_error"]
    return f"{difference:+.1f} points ± {error:.1f}, wins {estimate['win_rate']:.0%}"
