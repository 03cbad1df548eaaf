"""The memory that training Phi-3-mini is expected to hold, part by part, beside published figures for it.

`make bench NAME=memory`: the recipe `phi3_mini` on the base's true configuration, laid out without weights,
with rows as long as they may be. Nothing is loaded and nothing measured: seconds, on any machine.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from transformers import Phi3Config

from benchmarks._table import Row, report
from services.domain.training import Objective
from services.training.dataset import TokenisedRow
from services.training.memory import estimate_memory
from services.training.memory_parts import beside_published
from services.training.recipe import compose_recipe
from services.training.stages import Stage

_GIGABYTE = 10**9


def main() -> None:
    with TemporaryDirectory(prefix="phi3-mini-") as folder:
        base = Path(folder) / "Phi-3-mini-4k-instruct"
        Phi3Config(architectures=["Phi3ForCausalLM"]).save_pretrained(base)  # its figures are the defaults
        recipe = compose_recipe("phi3_mini", [], base_model=str(base), base_revision="main")
        longest = TokenisedRow([1] * recipe.training.max_length, [1] * recipe.training.max_length)
        estimate = estimate_memory(recipe, [Stage(1, Objective.SFT, [longest])])
    report(
        "memory",
        [
            Row(f"{row.name}, GB", row.here / _GIGABYTE, row.published / _GIGABYTE)
            for row in beside_published(estimate.parts)
        ],
    )


if __name__ == "__main__":
    main()
