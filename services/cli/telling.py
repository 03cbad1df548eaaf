"""Training sets and gate decisions for people, in 80 columns: what went in, what did not and why."""

from collections.abc import Iterator
from typing import Any

from services.cli.lines import GAP, fields, moment, section, sentences, tally, wrapped
from services.domain.checks import Verdict
from services.domain.evaluation import OVERALL
from services.training_sets.deduplication import LONG_THRESHOLD, SHORT_THRESHOLD

Record = dict[str, Any]
_COLUMNS = "{:>5} {:<16} {:>6} {:>6} {:>6} {:>6} {:>8} {:>5} {:<8} {}"
_SEVERITY = {Verdict.FAIL: 0, Verdict.INSUFFICIENT: 1, Verdict.PASS: 2}
_KINDS = ("demonstrations", "pairs", "desirable", "undesirable")


def tell_sets(records: list[Record], *, of: str) -> Iterator[str]:
    """A table of the sets of each persona, as the job lists them; `of`: the one that was asked for."""
    for persona in dict.fromkeys(record["persona"] for record in records):
        yield persona
        yield _COLUMNS.format(
            "set", "cutoff (UTC)", "demos", "pairs", "desir.", "undes.", "left out", "start", "digest", "made"
        )
        yield from (_row(record) for record in records if record["persona"] == persona)
        yield ""
    if records:
        yield "demos: demonstrations; desir., undes.: desirable and undesirable examples"
        yield "start: where it began"
        if any(record["without"] for record in records):
            yield "*: rebuilt without the word of a rater"
        if any(record["redacted"] for record in records):
            yield "!: redacted, as a rater that it learnt from was erased"
    else:
        yield f"no training set yet: `persona-loop assemble {of or 'PERSONA'}` makes one of what people said"


def _row(record: Record) -> str:
    start = "base" if record["start"] is None else f"v{record['start']}"
    return _COLUMNS.format(
        f"{record['training_set']}{'*' if record['without'] else ''}{'!' if record['redacted'] else ''}",
        moment(record["cutoff"]).removesuffix(" UTC"),
        *(record["counts"].get(kind, 0) for kind in _KINDS),
        record["left_out"],
        start,
        record["digest"][:8],
        " ".join(f"v{version}" for version in record["versions"]) or "-",
    ).rstrip()


def tell_set(record: Record) -> Iterator[str]:
    """The lines about one set, as the job describes it; its JSON has whole digests and files."""
    report, plan = record["report"], record["plan"]
    yield f"Training set {record['training_set']} of {record['persona']}, up to {moment(record['cutoff'])}"
    if record["redacted_at"]:
        yield from sentences(
            [f"redacted at {moment(record['redacted_at'])}: a rater that it learnt from was erased"]
        )
    yield from fields({"digest": record["digest"][:12], "rows": record["rows"], **record["counts"]})
    yield from section("The night")
    yield from fields({"stages": ", ".join(plan["stages"]), "label smoothing": plan["label_smoothing"]})
    yield from sentences(plan["reasons"])
    yield from tally("Left out, by reason", record["dropped"])
    yield from tally("Masked, by kind", report.get("masked", {}))
    yield from _raters(report.get("raters", {}))
    yield from _replay(report.get("replay"))
    yield from _leaks(report.get("leaks"), report.get("prompts", {}))


def tell_decision(record: Record) -> Iterator[str]:
    """What the gate said of whom, why, what can be done now; then its checks, those that stopped it first."""
    if record["redacted_at"]:
        yield from sentences(
            [
                f"redacted at {moment(record['redacted_at'])}: a rater whose words it rests on was erased, "
                "so it cannot be made again"
            ]
        )
    against = "the plain base" if record["champion"] == 0 else f"version {record['champion']}"
    judged = f"version {record['version']} against {against}"
    yield f"{record['verdict']}: {judged}, decision {record['decision_id']}"
    yield from sentences([record["meaning"]])
    yield from section("Next")
    if record["waits_for_approval"]:
        yield from sentences(
            [f'`persona-loop approve {record["decision_id"]} --reason "…"`: it waits for an approval']
        )
    yield from sentences([record["next_step"]])
    yield from section("Checks")
    yield from sentences(map(_check, sorted(record["checks"], key=lambda check: _SEVERITY[check["verdict"]])))
    yield from section("Beside it" if record["notes"] else "")
    yield from sentences(record["notes"])
    yield from section("What it rests on")
    anchor = "the same" if record["anchor"] == record["champion"] else f"version {record['anchor']}"
    yield from fields(
        {
            "anchor": anchor,
            "items it rests on": record["items"],
            "sealed items": "opened" if record["opened"] else "left alone",
            "version of the gate": record["gate_version"],
        }
    )


def _check(check: Record) -> str:
    of = "" if check["slice"] == OVERALL else f" ({check['slice']})"
    told = f"{check['verdict']} {check['metric']}{of}: {check['reason']}"
    if check["measured"] is None or check["items"] is None:
        return told
    theirs = "" if check["reference"] is None else f"{check['measured']:.3f} and {check['reference']:.3f} "
    return f"{told}; {theirs}on {check['items']} items"


def tell_skipped(night: Record) -> Iterator[str]:
    """The lines about one night without a set."""
    yield f"No set, up to {moment(night['cutoff'])}"
    yield from sentences([night["reason"]])
    yield from tally("Would have been", night["counts"])
    yield from tally("Left out, by reason", night["dropped"])
    yield ""


def _raters(raters: Record) -> Iterator[str]:
    if not raters:
        return
    yield from tally("Raters", {"spoke": raters["spoke"], **raters["standings"]})
    for one in raters["pointed_at"]:
        yield from sentences(
            [
                f"{one['rater']}: agrees on {one['agreement']:.0%} of {one['opinions']} opinions; "
                f"{one['standing']}"
            ]
        )
    yield from sentences(f"{rater} is left out: {why}" for rater, why in raters["left_out"].items())


def _replay(replay: Record | None) -> Iterator[str]:
    if replay is None:
        return
    yield from section("Replay")
    told = {"rows": replay["rows"], "percent of the set": replay["percent"], "short": replay["short"]}
    yield from fields({name: value for name, value in told.items() if value != ""})
    yield from tally("", replay["domains"])
    weak = (f"{domain} was weak in {times} reports" for domain, times in replay["weak_domains"].items())
    yield from sentences(weak)
    yield from sentences(f"{count} passed over: {why}" for why, count in replay["passed_over"].items())


def _leaks(leaks: Record | None, prompts: Record) -> Iterator[str]:
    yield from tally("Prompts tonight", prompts)
    if leaks is None:
        return
    yield from section("Leaks")
    nearest = leaks["nearest"]
    yield from sentences(
        [
            f"{nearest['near_duplicates']} of {nearest['training_prompts']} training prompts are near "
            f"duplicates of one of {nearest['held_out_prompts']} held-out prompts (it must be 0)",
            f"the highest similarity of letters is {nearest['highest_similarity']:.2f}; near duplicates have "
            f"at least {SHORT_THRESHOLD}, long ones {LONG_THRESHOLD}, and begin with the same words but for "
            "small edits",
            f"{leaks['asked_by_a_gate']} sources stay away because a gate has asked their prompt",
        ]
    )
    for name in ("quarantined", "retired"):
        taken = leaks[name]
        yield from sentences([f"{taken['prompts']} prompts {name}"])
        for one in taken["newest"]:
            yield from wrapped(f"{one['prompt']!r}: {one['why']}", indent=GAP * 2)
