"""A training run as a training has told of it so far: its first stage ended, its second under way."""

import math
from datetime import datetime

from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import TrainingRunRow
from services.domain.progress import CheckpointScored, MemoryExpected, Progress, StageEnded, TrainingReport
from services.domain.training import Evaluation, Objective, RunState, StageResult
from services.training import reporting
from services.training.memory_parts import Part
from tests.lineage_builders import add_run, add_training_set

SFT = StageResult(
    objective=Objective.SFT,
    rows=300,
    dropped_rows=12,
    supervised_tokens=9000,
    steps=120,
    resumed_from_step=0,
    seconds=75.0,
    losses=tuple((step, 2 + 4 * math.exp(-step / 30)) for step in range(5, 121, 5)),
    final_loss=2.25,
    concessions=("batches of 1 row, 8 of them a step",),
    stopped_early="no better validation loss than 2.4000 of step 80 until step 120 of 180",
    evaluations=tuple(
        Evaluation(step, 2.4 + abs(step - 80) / 50, (f"Arr, the <tide> of step {step}!", "Aye."))
        for step in range(20, 121, 20)
    ),
    peak_bytes=1_500_000_000,
)
MEMORY = {
    Part.LINEAR: 1_940_000_000,
    Part.REST: 394_000_000,
    Part.ADAPTER: 100_700_000,
    Part.GRADIENTS: 100_700_000,
    Part.OPTIMISER: 50_300_000,
    Part.REFERENCE: 100_700_000,
    Part.ACTIVATIONS: 577_000_000,
    Part.SCORES: 525_000_000,
}


def add_told_run(session: Session, persona: PersonaRow, *, at: datetime) -> TrainingRunRow:
    reasons = ["SFT: 300 demonstrations", "DPO: 112 pairs", "no KTO: pairs say more than unpaired examples"]
    plan = {"stages": ["sft", "dpo"], "reasons": reasons, "label_smoothing": 0.08}
    run = add_run(session, add_training_set(session, persona, plan=plan), state=RunState.RUNNING)
    run.started_at = at
    run.recipe = {
        "model": {"name": "/srv/models/phi-3-mini", "revision": "main"},
        "lora": {"r": 16, "alpha": 32, "target_modules": ["qkv_proj", "o_proj"]},
        "training": {"epochs": 3.0, "learning_rate": 2e-4, "scheduler": "cosine"},
    }
    told: list[TrainingReport] = [MemoryExpected(MEMORY, 15_000_000_000), StageEnded(1, 0, SFT)]
    told += [CheckpointScored(1, 120, 3.2, ("Nay.", ""))]
    for step in range(125, 161, 5):
        loss = math.nan if step == 140 else 0.69 * math.exp(-(step - 120) / 30)
        told.append(Progress(Objective.DPO, 2, step, 198, loss, 1234.0, 720.0))
    for report in told:
        reporting.record(session, run.id, report, at=at)
    return run
