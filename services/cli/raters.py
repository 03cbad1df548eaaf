"""`persona-loop rater …`: decide about a rater whom the statistics point at, or erase one who asks for it."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from services.cli.actor import actor
from services.cli.lines import fields, moment, section, sentences, tally
from services.cli.output import Json, show, speaking, tell
from services.jobs import erase as erasing
from services.jobs import erasures, raters

commands = typer.Typer(no_args_is_help=True, help="Decide about a rater; erase one who asks for it.")
Record = dict[str, Any]


_SHARES = {
    "the_same_again": "the same again, sides turned",
    "known_found": "the better of known ones",
    "chose_left": "the first one of the two",
}


class RaterVerdict(StrEnum):
    TRUSTED = "trusted"
    EXCLUDED = "excluded"


@commands.command()
@speaking
def review(
    rater: str,
    verdict: RaterVerdict,
    reason: Annotated[str, typer.Option(help="Why; kept with the decision.")],
    as_json: Json = False,
) -> None:
    """Decide about a rater whom the statistics point at: trusted or excluded."""
    show(raters.review(rater, verdict, reason, actor()), as_json=as_json)


@commands.command()
@speaking
def consistency(rater: str, as_json: Json = False) -> None:
    """How steadily a rater compares two answers: the same again, known ones found, which side."""
    found = raters.consistency(rater)
    if as_json:
        show(found, as_json=True)
        return
    tell([f"{found['compared']} pairs compared; in brackets the 95 % interval of each share", ""])
    tell(fields({words: _share(found[name]) for name, words in _SHARES.items()}))


@commands.command()
@speaking
def erase(
    rater: str,
    reason: Annotated[str, typer.Option(help="Who asked for it and where, without a word of theirs.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be found.")] = False,
    as_json: Json = False,
) -> None:
    """Make tombstones of all a rater said, and taint what learnt from them; for good."""
    if dry_run:
        found = erasing.foresee(rater)
        if as_json:
            show(found, as_json=True)
        else:
            tell(["A dry run: nothing is changed. Erasing this rater would find", ""])
            tell(_found(found))
        return
    erased = erasing.erase(rater, reason, actor())
    if as_json:
        show(dict(erased), as_json=True)
        return
    tell(_found(erased["found"]))
    tell(line for slug in erased["tainted"] for line in _next(rater, slug))


@commands.command()
@speaking
def erasure(rater: str, as_json: Json = False) -> None:
    """What was done to erase a rater, and who serves their personas now."""
    record = erasures.of_rater(rater)
    if as_json:
        show(record, as_json=True)
    else:
        tell(_erasure(record))


@commands.command("erasures")
@speaking
def list_erasures(as_json: Json = False) -> None:
    """Every erasure, newest first."""
    show(erasures.listed(), as_json=as_json)


def _share(share: Record) -> str:
    if not share["of"]:
        return "none yet"
    return f"{share['hits']} of {share['of']} ({share['low']:.0%} to {share['high']:.0%})"


def _erasure(record: Record) -> Iterator[str]:
    yield f"Erasure {record['erasure']}, of rater {record['rater']}"
    finished = moment(record["finished_at"]) if record["finished_at"] else "not yet: ask for it once more"
    asked = {"asked by": record["actor"], "reason": record["reason"], "begun": moment(record["begun_at"])}
    yield from fields(asked | {"finished": finished})
    yield from _found(record["found"])


def _found(found: Record) -> Iterator[str]:
    if not found:
        return
    yield from tally("Rows that are tombstones", dict(sorted(found["rows"].items())))
    yield from section("What they shaped")
    for one in found["personas"]:
        told = {"redacted sets": one["sets"], "tainted versions": one["versions"]}
        yield one["persona"]
        yield from fields({name: _numbers(ids) for name, ids in told.items()})
        if "serves" in one:
            yield from sentences([f"version {one['serves']} serves now: {one['because']}"])
    decisions = _numbers(found["decisions"])
    yield from fields(
        {
            "redacted decisions": decisions,
            "suites in all": found["suites"],
            "files in all": found["files"],
        }
    )


def _numbers(ids: Sequence[int]) -> str:
    return f"number {', '.join(map(str, ids))}" if ids else "none"


def _next(rater: str, slug: str) -> Iterator[str]:
    yield from sentences(
        [
            f"a tainted version serves {slug}: trigger erase_rater with {rater}, which trains another and "
            f"puts it to the gate, or end it now with `persona-loop rollback {slug} --reason …`"
        ]
    )
