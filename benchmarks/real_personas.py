"""The loop on a real pretrained model and real persona files: what two adapters learn, and from whom.

    python -m benchmarks.real_personas FOLDER

FOLDER holds tiny_lm_stories260K/ (a causal model of 260 032 parameters with a golden text) and
tame_the_weights/ (two personas as instruction, input and output). The whole service starts in a folder of its
own, the files come in by `persona-loop persona import`, `nightly_retrain` runs on the scheduler, and the
held-out answers of each persona are scored under the base, its own adapter and the other's, as served.
"""

import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from openai import OpenAI
from sqlalchemy.orm import Session

from benchmarks._held_out import held_out_of, mean_loss, newest_report, run_of
from benchmarks._installation import own_installation, persona_loop
from benchmarks._shown import BASE, folder_of
from benchmarks._table import RESULTS, Bar, Relation, Row, report
from services.db.lineage_tables import EvaluationReportRow
from services.db.session import database_url, make_engine, session_scope
from services.errors.tree import PersonaLoopError
from services.jobs import status
from services.language_model.asking import BASE_NAME, InferenceClient
from services.operations.airflow_client import AirflowClient, TaskState
from services.operations.stack import Stack
from services.settings import Settings

NAME = "real_personas"
FILES = "tame_the_weights"


@dataclass(frozen=True, slots=True)
class RealPersona:
    slug: str
    name: str
    files: tuple[str, ...]


PERSONAS = (
    RealPersona(
        "captain-codebeard",
        "Captain Codebeard",
        ("captain_codebeard.jsonl", "captain_codebeard_generated.jsonl"),
    ),
    RealPersona(
        "professor-snugglesworth",
        "Professor Snugglesworth",
        ("professor_snugglesworth.jsonl", "professor_snugglesworth_generated.jsonl"),
    ),
)
# The base reads 512 tokens of a letter or two: a long system prompt would leave no room for the answers.
TEMPLATE = "Be in character."
RECIPE = (
    "lora.r=32",
    "lora.alpha=64",
    "training.epochs=10",
    "training.batch_size=4",
    "training.learning_rate=6e-3",
    "training.max_length=512",
)
LEARNT, UNTOUCHED = 2.0, 3.4  # a held-out loss below, and one above
POLICY = {
    "gate": {
        "requirements": [{"metric": "held_out_loss", "limit": LEARNT, "margin": 0.0, "minimum_items": 10}]
    }
}
QUESTION = "Explain the purpose of unit tests."
GOLDEN_PROMPT = "Once upon a time"
GOLDEN = (
    ", there was a little girl named Lily. She loved to play outside in the park. "
    "One day, she saw a big, red ball."
)
PATIENCE = 1800.0  # seconds that a night may take
_TOLD = frozenset({"running", "success", "failed", "skipped", "up_for_retry"})
YES = Bar(Relation.IS, "yes")


def main(arguments: Sequence[str]) -> int:
    folder = folder_of(NAME, FILES, arguments)
    var_dir = RESULTS / NAME
    shutil.rmtree(var_dir, ignore_errors=True)
    try:
        with own_installation(var_dir, BASE_MODEL=str(folder / BASE), RECIPE="embedded") as settings:
            rows = _measure(settings, folder)
    except PersonaLoopError as error:
        print(error, file=sys.stderr)
        return 1
    report(NAME, rows)
    return 0


def _measure(settings: Settings, folder: Path) -> list[Row]:
    with Stack(settings, progress=lambda part, after: print(f"{after:6.1f} s  {part} is ready")) as stack:
        stack.wait_until_healthy()
        golden = _golden_rows(settings)
        for persona in PERSONAS:
            _import(settings, folder / FILES, persona)
        night = _night_rows(settings)
        engine = make_engine(database_url(settings))
        try:
            with session_scope(engine) as session:
                return [*golden, *night, *_learning_rows(session), *_loss_rows(session, settings)]
        finally:
            engine.dispose()


def _golden_rows(settings: Settings) -> list[Row]:
    """What the base goes on to say before anything is trained, as it is served: in 4 bits."""
    token = settings.inference_token.get_secret_value()
    client = OpenAI(base_url=f"{settings.inference_endpoint}/v1", api_key=token, max_retries=0)
    said = (
        client.completions.create(model=BASE_NAME, prompt=GOLDEN_PROMPT, max_tokens=60, temperature=0.0)
        .choices[0]
        .text
    )
    print(f"the base as served: {GOLDEN_PROMPT}{said}")
    agreeing = _agreeing(said)
    return [
        Row("golden text as served, its first sentence", _yes(agreeing > GOLDEN.index(".")), bar=YES),
        Row(
            "golden text, characters that agree: as served, and unquantised",
            agreeing,
            _agreeing(_unquantised(settings.base_model)),
        ),
    ]


def _unquantised(base_model: str) -> str:
    """What the same base goes on to say in full precision."""
    from transformers import pipeline  # noqa: PLC0415  (torch: seconds)

    story = pipeline("text-generation", model=base_model, dtype="float32", device="cpu")
    return str(
        story(GOLDEN_PROMPT, max_new_tokens=60, do_sample=False, return_full_text=False)[0]["generated_text"]
    )


def _agreeing(said: str) -> int:
    """How many characters of the golden text it has before it departs from it."""
    return next((at for at, letter in enumerate(GOLDEN) if said[at : at + 1] != letter), len(GOLDEN))


def _import(settings: Settings, folder: Path, persona: RealPersona) -> None:
    policy = settings.var_dir / "policy.json"
    policy.write_text(json.dumps(POLICY), encoding="utf-8")
    options = ["--name", persona.name, "--template", TEMPLATE, "--policy", str(policy)]
    for override in RECIPE:
        options += ["--set", override]
    for name in persona.files:
        said = persona_loop("persona", "import", persona.slug, str(folder / name), *options)
        print(f"{persona.slug}, {name}: {said.strip()}")


def _night_rows(settings: Settings) -> list[Row]:
    began = time.monotonic()
    with AirflowClient(settings) as airflow:
        run = airflow.wait(
            "nightly_retrain",
            airflow.trigger("nightly_retrain"),
            timeout=PATIENCE,
            progress=_tell,
        )
    return [
        Row("nightly_retrain of both on the real scheduler", str(run.state), bar=Bar(Relation.IS, "success")),
        Row("the same, seconds", round(time.monotonic() - began, 1)),
    ]


def _tell(task: TaskState) -> None:
    if task.state in _TOLD:
        print(f"{task.task_id} [{task.map_index}] {task.state}", flush=True)


def _learning_rows(session: Session) -> list[Row]:
    rows = []
    personas = {record["persona"]: record for record in status.personas()}
    for persona in PERSONAS:
        slug, run = persona.slug, run_of(session, newest_report(session, persona.slug))
        took = (run.finished_at - run.started_at).total_seconds() if run.finished_at else None
        asked = json.loads(persona_loop("ask", slug, QUESTION, "--json"))
        print(f"{asked['answered_by']}: {asked['answer']}")
        rows += [
            Row(f"{slug}: rows learnt from", run.training_set.row_count),
            *(Row(f"{slug}: rows left out, {why}", count) for why, count in run.training_set.dropped.items()),
            Row(f"{slug}: training, seconds", took if took is None else round(took, 1)),
            Row(f"{slug}: training, steps", run.step),
            Row(f"{slug}: verdict of the gate", personas[slug]["verdict"], bar=Bar(Relation.IS, "PASS")),
            Row(
                f"{slug}: `persona-loop ask` is answered by the promoted version",
                _yes(personas[slug]["serves"] > 0 and personas[slug]["served_name"] in asked["answered_by"]),
                bar=YES,
            ),
        ]
    return rows


def _loss_rows(session: Session, settings: Settings) -> list[Row]:
    """Each persona's held-out answers under its own adapter and under the other's; `theirs` is the base."""
    client = InferenceClient(settings.inference_endpoint, token=settings.inference_token.get_secret_value())
    reports: dict[str, EvaluationReportRow] = {
        persona.slug: newest_report(session, persona.slug) for persona in PERSONAS
    }
    rows = []
    for slug, judged in reports.items():
        held_out = held_out_of(session, judged)
        base = mean_loss(client, BASE_NAME, held_out)
        for learner, adapter in reports.items():
            bar = Bar(Relation.BELOW, LEARNT) if learner == slug else Bar(Relation.ABOVE, UNTOUCHED)
            what = f"held-out loss of {slug} ({len(held_out)} answers) under the adapter of {learner}"
            rows.append(Row(what, mean_loss(client, adapter.version.name, held_out), base, bar))
    return rows


def _yes(holds: bool) -> str:  # noqa: FBT001  (a word for a table)
    return "yes" if holds else "no"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
