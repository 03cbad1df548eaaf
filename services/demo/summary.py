"""What was played, and its figures for scripts and tests in `VAR_DIR/demo/summary.json`."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from services.demo.judgement import Judgement
from services.demo.moves import Move
from services.demo.night import Night
from services.demo.personas import Pair
from services.demo.raters import Feedback
from services.domain.promotions import PromotionKind
from services.operations.airflow_client import RunState


@dataclass(frozen=True, slots=True)
class Played:
    """One demo: `asked` and `failed` count the asks of the steady load.

    `seconds` are by phase and may grow after the play: with `--once` the last phase stops the service.
    """

    pair: Pair
    raters: int
    feedback: Feedback
    night: Night
    judgement: Judgement | None
    moves: dict[PromotionKind, Move]
    asked: int
    failed: int
    seconds: dict[str, float]

    @property
    def seconds_total(self) -> float:
        return sum(self.seconds.values())

    def problems(self) -> tuple[str, ...]:
        """What keeps this from being a demo that held; empty when it held."""
        found = []
        if self.night.state != RunState.SUCCESS:
            found.append(f"the night ended as {self.night.state}")
        if self.judgement is None:
            found.append("the gate was not reached")
        elif self.judgement.verdict != "PASS":
            found.append(f"the gate said {self.judgement.verdict}")
        if self.failed:
            found.append(f"{self.failed} asks were not served while versions changed")
        return tuple(found)

    def write(self, path: Path) -> None:
        record = {
            "persona": self.pair.tutor,
            **_judged(self.judgement),
            **_moved(self.moves),
            "raters": self.raters,
            "ratings_posted": self.feedback.ratings,
            "corrections_posted": self.feedback.corrections,
            "mistaken_corrections": self.feedback.mistaken,
            "dag_run_state": self.night.state,
            "skipped": self.night.skipped,
            "asks_under_load": self.asked,
            "failed_requests": self.failed,
            "seconds": {phase: round(took, 1) for phase, took in self.seconds.items()},
            "seconds_total": round(self.seconds_total, 1),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _judged(judgement: Judgement | None) -> dict[str, object]:
    """Shares over bank questions nobody rated, as served; "before" is the champion's."""
    return {
        "style_hit_base": judgement.base.style_hit if judgement else None,
        "style_hit_before": judgement.before.style_hit if judgement else None,
        "style_hit_after": judgement.after.style_hit if judgement else None,
        "fact_hit_before": judgement.before.fact_hit if judgement else None,
        "fact_hit_after": judgement.after.fact_hit if judgement else None,
        "verdict": judgement.verdict if judgement else None,
        "samples": [asdict(sample) for sample in judgement.samples] if judgement else [],
    }


def _moved(moves: dict[PromotionKind, Move]) -> dict[str, object]:
    """Milliseconds of each move; None for one that did not happen."""
    record: dict[str, object] = {"promoted_version": None}
    for kind, name in (
        (PromotionKind.FULL, "promote"),
        (PromotionKind.ROLLBACK, "rollback"),
        (PromotionKind.REINSTATE, "reinstate"),
    ):
        move = moves.get(kind)
        record[f"{name}_to_live_ms"] = move.live_ms if move else None
        record[f"{name}_to_answer_ms"] = move.answered_ms if move else None
        if move and kind is PromotionKind.FULL:
            record["promoted_version"] = move.version
    return record
