"""Training in this process, watched: what it reports, logs, and in which mode the base runs forward."""

import logging
from dataclasses import dataclass, field

import torch
from transformers import Phi3Model

from services.domain.progress import Progress, TrainingReport
from services.domain.training import TrainedAdapter
from services.training.qlora import QloraTrainer


@dataclass
class Run:
    """One finished training, what it reported and whether the model was in training mode at each forward."""

    adapter: TrainedAdapter | None = None
    told: list[TrainingReport] = field(default_factory=list)
    forwards_in_training_mode: list[bool] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    @property
    def reports(self) -> list[Progress]:
        return [report for report in self.told if isinstance(report, Progress)]

    @property
    def weights(self) -> bytes:
        return (self.adapter.folder / "adapter_model.safetensors").read_bytes()


def train(job) -> Run:
    """Train, watching the mode of the base at each of its forwards in this process."""
    run = Run()
    watch = torch.nn.modules.module.register_module_forward_pre_hook(
        lambda module, _: (
            run.forwards_in_training_mode.append(module.training) if isinstance(module, Phi3Model) else None
        )
    )
    records = logging.getLogger("services.training")
    handler = logging.Handler()
    handler.emit = lambda record: run.log.append(record.getMessage())  # type: ignore[method-assign]
    records.addHandler(handler)
    records.setLevel(logging.INFO)
    try:
        run.adapter = QloraTrainer().train(job, progress=run.told.append)
    finally:
        records.removeHandler(handler)
        watch.remove()
    return run
