"""Trains where bitsandbytes cannot be imported: `python -m ... ROWS WORKDIR BASE OVERRIDE...`.

Prints one JSON object about what ran; what is said about it goes to the other output.
"""

import json
import logging
import sys
from pathlib import Path

sys.modules.update({"bitsandbytes": None})  # type: ignore[dict-item] # an import of it fails from here on


def main() -> None:
    from services.training.qlora import QloraTrainer  # noqa: PLC0415 - imports what looks for bitsandbytes
    from services.training.recipe import compose_recipe  # noqa: PLC0415
    from services.training.trainer import TrainingJob  # noqa: PLC0415

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    rows, workdir, base, *overrides = sys.argv[1:]
    recipe = compose_recipe("embedded", overrides, base_model=base, base_revision="main")
    trained = QloraTrainer().train(TrainingJob(Path(rows), recipe, Path(workdir)), progress=lambda _: None)
    [stage] = trained.stages
    report = {
        "asked": recipe.model.quantisation,
        "quantisation": trained.quantisation,
        "half_precision": trained.half_precision,
        "optimizer": trained.optimizer,
        "base_digest": trained.base_digest,
        "memory": list(trained.memory),
        "packages": list(trained.packages),
        "losses": [loss for _, loss in stage.losses],
        "evaluations": len(stage.evaluations),
    }
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main()
