"""A training set for people: what went in, what did not and why, in 80 columns."""

import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

Record = dict[str, Any]
_WIDTH = 80  # characters
_GAP = "  "


def tell_set(record: Record) -> Iterator[str]:
    """The lines about one set, as the job describes it; its JSON has whole digests and files."""
    report, plan = record["report"], record["plan"]
    yield f"Training set {record['training_set']} of {record['persona']}, up to {record['cutoff']}"
    yield from _fields({"digest": record["digest"][:12], "rows": record["rows"], **record["counts"]})
    yield from _section("The night")
    yield from _fields({"stages": ", ".join(plan["stages"]), "label smoothing": plan["label_smoothing"]})
    yield from _sentences(plan["reasons"])
    yield from _tally("Left out, by reason", record["dropped"])
    yield from _tally("Masked, by kind", report.get("masked", {}))
    yield from _raters(report.get("raters", {}))
    yield from _replay(report.get("replay"))
    yield from _leaks(report.get("leaks"), report.get("prompts", {}))


def _raters(raters: Record) -> Iterator[str]:
    if not raters:
        return
    yield from _tally("Raters", {"spoke": raters["spoke"], **raters["standings"]})
    for one in raters["pointed_at"]:
        yield from _sentences(
            [
                f"{one['rater']}: agrees on {one['agreement']:.0%} of {one['opinions']} opinions; "
                f"{one['standing']}"
            ]
        )
    yield from _sentences(f"{rater} is left out: {why}" for rater, why in raters["left_out"].items())


def _replay(replay: Record | None) -> Iterator[str]:
    if replay is None:
        return
    yield from _section("Replay")
    told = {"rows": replay["rows"], "percent of the set": replay["percent"], "short": replay["short"]}
    yield from _fields({name: value for name, value in told.items() if value != ""})
    yield from _tally("", replay["domains"])
    weak = (f"{domain} was weak in {times} reports" for domain, times in replay["weak_domains"].items())
    yield from _sentences(weak)
    yield from _sentences(f"{count} passed over: {why}" for why, count in replay["passed_over"].items())


def _leaks(leaks: Record | None, prompts: Record) -> Iterator[str]:
    yield from _tally("Prompts tonight", prompts)
    if leaks is None:
        return
    yield from _section("Leaks")
    nearest = leaks["nearest"]
    yield from _sentences(
        [
            f"{nearest['near_duplicates']} of {nearest['training_prompts']} training prompts are near "
            f"duplicates of one of {nearest['held_out_prompts']} held-out prompts (it must be 0); the "
            f"highest similarity is {nearest['highest_similarity']:.2f}",
            f"{leaks['asked_by_a_gate']} sources stay away because a gate has asked their prompt",
        ]
    )
    for name in ("quarantined", "retired"):
        taken = leaks[name]
        yield from _sentences([f"{taken['prompts']} prompts {name}"])
        for one in taken["newest"]:
            yield from _wrapped(f"{one['prompt']!r}: {one['why']}", indent=_GAP * 2)


def _section(title: str) -> Iterator[str]:
    if title:
        yield ""
        yield title


def _tally(title: str, counts: Record) -> Iterator[str]:
    if counts:
        yield from _section(title)
        yield from _fields(counts)


def _fields(values: Record) -> Iterator[str]:
    width = max(map(len, values))
    for name, value in values.items():
        yield f"{_GAP}{name.replace('_', ' '):<{min(width, 44)}}{_GAP}{value}"


def _sentences(sentences: Iterable[str]) -> Iterator[str]:
    for sentence in sentences:
        yield from _wrapped(sentence, indent=_GAP)


def _wrapped(sentence: str, *, indent: str) -> list[str]:
    return textwrap.wrap(sentence, _WIDTH, initial_indent=f"{indent}- ", subsequent_indent=f"{indent}  ")
