"""What trainings left in their work folders, on the machine they ran on, and who may still want it.

A run's folder goes with the run's success. What is left is a killed process's or a failed run's: a retry
goes on from its checkpoint, unless its set was redacted. It holds people's texts, so it does not stay for
ever.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from services.db.lineage_tables import TrainingRunRow
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
        files = [path.stat() for path in folder.rglob("*") if path.is_file()]
        written = max((one.st_mtime for one in files), default=folder.stat().st_mtime)
        size = sum(one.st_size for one in files)
        if why := _why_over(session, folder.name):
            yield Leftover(folder, size, stays=False, why=why)
        elif at - datetime.fromtimestamp(written, UTC) < timedelta(days=days):
            yield Leftover(folder, size, stays=True, why="a retry goes on from it")
        else:
            yield Leftover(folder, size, stays=False, why=f"no retry in {days} days")


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
