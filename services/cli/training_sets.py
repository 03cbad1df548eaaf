"""`persona-loop training-set …` and `why`: what was learnt, and from whom."""

from typing import Annotated
from uuid import UUID

import typer

from services.cli.output import Json, show, speaking, tell
from services.cli.telling import tell_set, tell_sets, tell_skipped
from services.cli.tracing import tell_answer, tell_source
from services.errors.lookups import UnknownAnswer
from services.jobs import lineage, sources, training_sets

sets = typer.Typer(no_args_is_help=True, help="Look at training sets, and rebuild one without a rater.")
commands = typer.Typer()


@sets.command("list")
@speaking
def list_sets(
    persona: Annotated[str, typer.Argument(help="Only this persona's; all when left out.")] = "",
    as_json: Json = False,
) -> None:
    """Every set, newest first: its rows by kind, what was left out, where it started, what it made."""
    records = training_sets.listed(persona)
    if as_json:
        show(records, as_json=True)
    else:
        tell(tell_sets(records, of=persona))


@sets.command("show")
@speaking
def show_set(training_set_id: int, as_json: Json = False) -> None:
    """Counts, what was dropped and why, the plan of the night, leaks, raters pointed at."""
    record = training_sets.show(training_set_id)
    if as_json:
        show(record, as_json=True)
    else:
        tell(tell_set(record))


@sets.command()
@speaking
def skipped(persona: str, as_json: Json = False) -> None:
    """The nights on which a persona got no set, newest first: why, and what became of what was said."""
    nights = training_sets.skipped(persona)
    if as_json:
        show(nights, as_json=True)
    elif nights:
        tell(line for night in nights for line in tell_skipped(night))
    else:
        tell([f"no night of {persona} went without a set"])


@sets.command()
@speaking
def rebuild(
    training_set_id: int,
    without_rater: Annotated[str, typer.Option(help="The rater's id, as `why rating:12` gives it.")],
    as_json: Json = False,
) -> None:
    """The set as it would have been without one rater, and the difference."""
    show(training_sets.rebuild(training_set_id, without_rater), as_json=as_json)


@commands.command()
@speaking
def why(
    what: Annotated[str, typer.Argument(help="An answer's id, or a source such as rating:12.")],
    as_json: Json = False,
) -> None:
    """From an answer back to what it learnt from; from a rating or correction to what it shaped."""
    if ":" in what:
        found, telling = sources.shaped_by(what), tell_source
    else:
        found, telling = lineage.why(_answer(what)), tell_answer
    if as_json:
        show(found, as_json=True)
    else:
        tell(telling(found))


def _answer(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError as error:
        raise UnknownAnswer(given) from error
