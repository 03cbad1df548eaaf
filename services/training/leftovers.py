"""What trainings and sweeps left in their folders, on the machine they ran on, and who may still want it.

A run's folder goes with the run's success. What is left is a killed process's or a failed run's: a retry
goes on from its checkpoint, unless its set was redacted. It holds people's texts, so it does not stay for
ever.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from services.db.lineage_tables import TrainingRunRow, TrainingSetRow
from services.domain.training import RunState
from services.training.runs import folder_name


@dataclass(frozen=True, slots=True)
class Leftover:
    """A work folder, and why it stays or goes."""

    folder: Path
    size: int  # bytes
    stays: bool
    why: str


def leftovers(session: Session, runs: Path, *, days: int, at: datetime) -> Iterator[Leftover]:
    """Every work folder in `runs`, by name; those of runs that are over go, others after so many days of
    silence.
    """
    for folder in sorted(runs.glob("[0-9]*")):
        size, written_at = _size_and_age(folder)
        if why := _why_over(session, folder.name):
            yield Leftover(folder, size, stays=False, why=why)
        elif at - written_at < timedelta(days=days):
            yield Leftover(folder, size, stays=True, why="a retry goes on from it")
        else:
            yield Leftover(folder, size, stays=False, why=f"no retry in {days} days")


def sweep_leftovers(session: Session, sweeps: Path, *, days: int, at: datetime) -> Iterator[Leftover]:
    """Every folder of a sweep or of one combination, by name; those on a redacted set go, others after so
    many days in which nothing was swept there.
    """
    for folder in sorted((*sweeps.glob("*-[0-9]*-*"), *sweeps.glob("trials/*"))):
        size, written_at = _size_and_age(folder)
        if _is_on_redacted(session, folder.name):
            yield Leftover(folder, size, stays=False, why="its training set is redacted")
        elif at - written_at < timedelta(days=days):
            yield Leftover(folder, size, stays=True, why=f"swept within {days} days")
        else:
            yield Leftover(folder, size, stays=False, why=f"not swept for {days} days")


def _size_and_age(folder: Path) -> tuple[int, datetime]:
    """Its bytes, and when something in it was last written."""
    files = [path.stat() for path in folder.rglob("*") if path.is_file()]
    written = max((one.st_mtime for one in files), default=folder.stat().st_mtime)
    return sum(one.st_size for one in files), datetime.fromtimestamp(written, UTC)


def _is_on_redacted(session: Session, name: str) -> bool:
    """Of a sweep's folder, {persona}-{set}-{key}: one combination's tells no set, and holds no texts."""
    slug, _, rest = name.rpartition("-")[0].rpartition("-")
    training_set = session.get(TrainingSetRow, int(rest)) if rest.isdigit() else None
    if training_set is None or training_set.persona.slug != slug:
        return False
    return training_set.redacted_at is not None


def _why_over(session: Session, name: str) -> str:
    """Why nobody goes on in the folder of a run; empty where somebody may, or where it is of no run known
    here: a restored database counts its runs anew.
    """
    run = session.get(TrainingRunRow, int(name.partition("-")[0]))
    if run is None or folder_name(run) != name:
        return ""
    if run.training_set.redacted_at is not None:
        return "its training set is redacted"
    return "its run has succeeded" if run.state == RunState.SUCCEEDED else ""
