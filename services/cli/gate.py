"""`persona-loop gate …`: decide on reports, show a decision, and make it again from what it rests on."""

from typing import Annotated

import typer

from services.cli.output import EXIT_NO, Json, show, speaking, tell
from services.cli.telling import tell_decision
from services.jobs import gate as gating
from services.jobs import status

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
    """Decide again on the stored reports under the stored policy; exit code 3 unless all is as it was."""
    replayed = gating.replay(decision_id)
    show(dict(replayed), as_json=as_json)
    if replayed["verdict"] != replayed["stored"] or replayed["differs"]:
        raise typer.Exit(EXIT_NO)


def _tell(decision_id: int, *, as_json: bool) -> None:
    found = status.decision(decision_id)
    if as_json:
        show(found, as_json=True)
    else:
        tell(tell_decision(found))
        show(status.check_rows(found["checks"]), as_json=False)
    if found["verdict"] != "PASS":
        raise typer.Exit(EXIT_NO)
