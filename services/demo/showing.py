"""What the demo shows people: tables of answers, of the gate's checks and of moves. Computes nothing."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.demo.judgement import Judgement, Sample
from services.demo.moves import Move
from services.demo.raters import Feedback
from services.demo.summary import Played
from services.domain.checks import Asked
from services.evaluation.wording import title_of
from services.jobs.status import check_rows
from services.operations.environment import ADMINISTRATOR
from services.operations.stack import feedback_url
from services.settings import SECRETS_FILE, Settings
from services.tables import print_rows

VERDICT_COLOURS = {"PASS": "green", "FAIL": "red", "INSUFFICIENT": "yellow"}


def show_feedback(console: Console, feedback: Feedback) -> None:
    stars = ", ".join(f"{feedback.stars[number]} of {number}" for number in sorted(feedback.stars))
    console.print(
        f"  {feedback.ratings} ratings (stars: {stars}), {feedback.corrections} corrections, "
        f"of which {feedback.mistaken} state a wrong fact",
        soft_wrap=True,
    )


def show_judgement(console: Console, judgement: Judgement) -> None:
    """Answers before and after, then the gate's card."""
    console.print(_answers(judgement.samples, judgement.champion, judgement.version))
    console.print(
        f"The gate on version {judgement.version}, against version {judgement.champion}: "
        f"{_coloured(judgement.verdict)}"
    )
    print_rows(
        console,
        [
            row | {"verdict": Text(row["verdict"], VERDICT_COLOURS[row["verdict"]])}
            for row in check_rows(judgement.checks)
        ],
    )
    for sentence in _allowed(judgement.checks):
        console.print(f"  {sentence}", soft_wrap=True)


def show_skipped(console: Console, skipped: dict[str, str]) -> None:
    for reason in skipped.values():
        console.print(f"  [yellow]skipped[/] {reason}")


def show_move(console: Console, move: Move) -> None:
    console.print(
        f"  {move.kind:<10} version {move.version}: live after {move.live_ms} ms, "
        f"its first answer there after {move.answered_ms} ms"
    )


def show_end(console: Console, played: Played) -> None:
    console.print(
        f"  {played.asked} asks while versions changed, {played.failed} not served; "
        f"{played.seconds_total:.0f} s in all"
    )
    for problem in played.problems():
        console.print(f"  [red]{problem}[/]")
    console.print("  `make up` opens this installation again.")


def show_addresses(console: Console, settings: Settings, persona: str, judgement: Judgement | None) -> None:
    secrets = settings.var_dir / SECRETS_FILE
    for line in (
        "",
        f"  the app   {feedback_url(settings)}",
        *_worth_asking(settings, persona, judgement.samples if judgement else ()),
        f"  Airflow   {settings.airflow_endpoint} (user {ADMINISTRATOR}, AIRFLOW_PASSWORD in {secrets})",
        f"  by hand   .venv/bin/persona-loop status | versions {persona} | ledger show {persona}",
        "  Ctrl-C stops everything.",
    ):
        console.print(line, soft_wrap=True)


def _worth_asking(settings: Settings, persona: str, samples: Iterable[Sample]) -> Iterator[str]:
    """The form with a question in it that was answered rightly; the page reads these names of its address."""
    right = next((sample for sample in samples if sample.after_right), None)
    if right is not None:
        filled = {"question": right.question, "domain": right.domain, "audience": right.audience}
        yield "  ask it    the embedded base knows the demo's facts alone, each with its field and reader:"
        yield f"            {feedback_url(settings)}/p/{persona}?{urlencode(filled, quote_via=quote)}"


def _allowed(checks: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What became worse and passed all the same: each metric once, with what its persona's policy allows."""
    worse = {
        check["metric"]: check
        for check in checks
        if check["verdict"] == "PASS" and check["asked"] == Asked.NOT_WORSE and check["difference"] < 0
    }
    for metric, check in worse.items():
        yield (
            f"{title_of(metric).capitalize()}: {-check['difference']:.3f} worse is a pass, since the policy "
            f"allows up to {-check['required']:.3f} and more was ruled out at the risk named above."
        )


def _answers(samples: tuple[Sample, ...], champion: int, version: int) -> Table:
    table = Table(title="Questions nobody rated, answered as served", show_lines=True)
    table.add_column("asked", ratio=2, overflow="fold")
    table.add_column(f"before (version {champion})", ratio=3, overflow="fold")
    table.add_column(f"after (version {version})", ratio=3, overflow="fold")
    for sample in samples:
        table.add_row(
            Text.assemble(sample.question, "\n", (f"reader: {sample.audience}", "dim")),
            _marked(sample.before, right=sample.before_right),
            _marked(sample.after, right=sample.after_right),
        )
    return table


def _marked(answer: str, *, right: bool) -> Text:
    """The answer with a mark that says whether it states the fact."""
    return Text.assemble(("✓ ", "green") if right else ("✗ wrong fact: ", "red"), answer)


def _coloured(verdict: str) -> str:
    return f"[{VERDICT_COLOURS[verdict]}]{verdict}[/]"
