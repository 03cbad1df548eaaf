"""`persona-loop gate …`: decide on reports, show or write a decision or make it again; the wear of items."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.output import EXIT_NO, Json, show, speaking, tell
from services.cli.telling import tell_decision
from services.jobs import gate as gating
from services.jobs import status
from services.jobs.report_file import write_report

commands = typer.Typer(no_args_is_help=True, help="Decide on reports; show or replay a decision.")


@commands.command()
@speaking
def decide(
    candidate: Annotated[int, typer.Argument(help="The candidate's report id.")],
    champion: Annotated[int, typer.Argument(help="The champion's report id.")],
    as_json: Json = False,
) -> None:
    """Decide on reports, the anchor's beside them; exit code 3 unless the verdict is PASS."""
    _tell(gating.gate(candidate, champion)["decision_id"], as_json=as_json)


@commands.command("show")
@speaking
def show_decision(decision_id: int, as_json: Json = False) -> None:
    """A stored decision with its checks; exit code 3 unless the verdict is PASS."""
    _tell(decision_id, as_json=as_json)


@commands.command()
@speaking
def replay(decision_id: int, as_json: Json = False) -> None:
    """Decide again on a decision's evidence; exit code 3 unless all is as it was."""
    replayed = gating.replay(decision_id)
    told = {**replayed, "differs": ", ".join(replayed["differs"]) or "nothing"}
    show(dict(replayed) if as_json else told, as_json=as_json)
    if replayed["verdict"] != replayed["stored"] or replayed["differs"]:
        raise typer.Exit(EXIT_NO)


@commands.command()
@speaking
def report(
    decision_id: int,
    out: Annotated[Path, typer.Option("--out", help="The HTML file; one that is there is replaced.")],
) -> None:
    """Write a decision as one page that needs no service; it holds people's questions."""
    typer.echo(write_report(decision_id, out))


@commands.command()
@speaking
def items(persona: str, as_json: Json = False) -> None:
    """How worn a persona's held-out items are: in how many decisions they were used."""
    show(dict(gating.uses(persona)), as_json=as_json)


def _tell(decision_id: int, *, as_json: bool) -> None:
    found = status.decision(decision_id)
    if as_json:
        show(found, as_json=True)
    else:
        tell(tell_decision(found))
    if found["verdict"] != "PASS":
        raise typer.Exit(EXIT_NO)
