"""Lineage for people: what an answer was learnt from, and what something said shaped, in 80 columns."""

from collections.abc import Iterator
from typing import Any

from services.cli.lines import GAP, fields, moment, section, sentences, wrapped

Record = dict[str, Any]
_SHOWN = 400  # characters of a text; machines get all of it


def tell_answer(record: Record) -> Iterator[str]:
    """From an answer back, as the job describes it."""
    yield f"Answer {record['answer']}"
    generation = ", ".join(f"{name} {value}" for name, value in record["generation"].items())
    yield from fields(
        {
            "question": _beginning(record["question"]),
            "answered by": f"{record['served_name']}, seed {record['seed']}",
            "generation": generation or "-",
            "prompt version": record["prompt_version"],
        }
    )
    if "training_set" in record:
        yield from _version(record)
        yield from _set(record)
        if record["redacted"]:
            yield from sentences(["its rows have gone: a rater that it learnt from was erased"])
        else:
            yield from _rows(record["nearest_rows"])
    else:
        yield from fields({"learnt from": record["learnt_from"]})


def tell_source(record: Record) -> Iterator[str]:
    """From something said forward, as the job describes it."""
    yield f"{record['source']}, said of {record['persona']} at {moment(record['said_at'])}"
    if record["rater"] is not None:
        yield from fields({"rater": record["rater"]})
    for shaped in record["shaped"]:
        made = "" if shaped["version"] is None else f"version {shaped['version']}: "
        yield from sentences(
            [
                f"training set {shaped['training_set']}, up to {moment(shaped['cutoff'])}, {shaped['how']}; "
                f"{made}{shaped['outcome']}"
            ]
        )
    if record["why_not"]:
        yield from sentences([f"it shaped nothing: {record['why_not']}"])


def _version(record: Record) -> Iterator[str]:
    yield from section(f"Version {record['version']}, of training run {record['training_run']}")
    decision = f"{record['decision']}, {record['verdict']}" if record["decision"] else "-"
    moves = {"live first": record["promoted"], "moved last": record["moved_again"]}
    yield from fields(
        {"decision": decision} | {name: _move(move) for name, move in moves.items() if move is not None}
    )


def _move(move: Record) -> str:
    return f"{move['kind']} at {moment(move['at'])} by {move['actor']}: {move['reason']}"


def _set(record: Record) -> Iterator[str]:
    plan = record["plan"]
    yield from section(f"Training set {record['training_set']}, up to {moment(record['cutoff'])}")
    told = {"rows": f"{record['rows']:,}", "stages": ", then ".join(plan["stages"])}
    if record["earlier_sets"]:
        told["went on from sets"] = ", ".join(map(str, record["earlier_sets"]))
    yield from fields(told)
    yield from sentences(plan["reasons"])


def _rows(rows: list[Record]) -> Iterator[str]:
    yield from section("Rows nearest to its question")
    if not rows:
        yield from sentences(["none shares a word with it"])
    for row in rows:
        came = ", ".join(row["sources"])
        yield from sentences([f"{row['kind']} of set {row['training_set']}, from {came}"])
        for text in (row["question"], row["text"]):
            yield from wrapped(_beginning(text), indent=GAP * 2)


def _beginning(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN].rstrip()} …"
