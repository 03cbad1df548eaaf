"""The values of a recipe: strict conversion to their declared types, and the limits each must keep."""

import json
import re
from collections.abc import Mapping
from operator import attrgetter

from pydantic import TypeAdapter, ValidationError

from services.domain.training import ALL_LINEAR, ModelRecipe, Recipe
from services.errors.inputs import InvalidRecipe

# Smallest and largest value allowed.
_LIMITS: dict[str, tuple[float, float]] = {
    "lora.r": (1, 512),
    "lora.alpha": (1, 4096),
    "lora.dropout": (0, 0.9),
    "training.epochs": (0.01, 1000),
    "training.batch_size": (1, 4096),
    "training.gradient_accumulation_steps": (1, 4096),
    "training.learning_rate": (1e-8, 1),
    "training.weight_decay": (0, 1),
    "training.warmup_ratio": (0, 0.99),
    "training.max_length": (8, 1_000_000),
    "training.max_examples": (0, 1_000_000_000),
    "training.logging_steps": (1, 1_000_000),
    "training.checkpoint_steps": (1, 1_000_000),
    "training.checkpoints_kept": (1, 1000),
    "training.max_seconds": (0, 10_000_000),
    "training.validation_share": (0, 0.5),
    "training.patience": (0, 1000),
    "training.previews": (0, 100),
    "training.seed": (0, 2**32 - 1),
    "preference.beta": (1e-4, 100),
    "preference.epochs": (0.01, 1000),
    "preference.learning_rate": (1e-8, 1),
    "preference.desirable_ratio": (1, 4 / 3),
}
_CHOICES = {
    "model.attention": ("auto", "eager", "flash_attention_2", "sdpa"),
    "training.scheduler": ("constant", "constant_with_warmup", "cosine", "linear"),
    "training.optimizer": ("adamw_8bit", "adamw_torch", "paged_adamw_32bit", "paged_adamw_8bit"),
}
# What `services.domain.conversation` neutralises in people's text, for every base and adapter.
_NEW_TOKEN = re.compile(r"<\|[a-z0-9_]{1,40}\|>")


def read_recipe(composed: Mapping[str, object]) -> Recipe:
    """The composed groups as a Recipe; InvalidRecipe for the first value of a wrong type or size.

    Only a whole number given where a number is wanted is converted; "8" is text, not 8.
    """
    try:
        # From JSON, because strict mode takes a list for a tuple there and nowhere else.
        recipe = TypeAdapter(Recipe).validate_json(json.dumps(composed), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        wanted = (
            first["msg"].lower().replace("input should", "it must").replace("array", "list [in, brackets]")
        )
        raise InvalidRecipe(f"{key} is {first['input']!r} and {wanted}.") from error
    for key, (lowest, highest) in _LIMITS.items():
        value = attrgetter(key)(recipe)
        if not lowest <= value <= highest:
            raise InvalidRecipe(f"{key} is {value:g} and must lie between {lowest:g} and {highest:g}.")
    for key, choices in _CHOICES.items():
        value = attrgetter(key)(recipe)
        if value not in choices:
            raise InvalidRecipe(f"{key} is {value!r} and must be one of {', '.join(choices)}.")
    if not recipe.lora.target_modules:
        raise InvalidRecipe("lora.target_modules is empty: name modules, or [all-linear].")
    if ALL_LINEAR in recipe.lora.target_modules and len(recipe.lora.target_modules) > 1:
        raise InvalidRecipe("all-linear stands alone in lora.target_modules: it already means every module.")
    _check_new_tokens(recipe.model)
    return recipe


def _check_new_tokens(model: ModelRecipe) -> None:
    """What can be said of them without the base's tokenizer; the rest is `language_model.new_tokens`'."""
    for token in model.new_tokens:
        if not _NEW_TOKEN.fullmatch(token):
            raise InvalidRecipe(f"model.new_tokens names {token!r}: write <|name|>, in small letters.")
        if model.new_tokens.count(token) > 1:
            raise InvalidRecipe(f"model.new_tokens names {token} twice.")
        if token not in model.chat_template:
            raise InvalidRecipe(
                f"model.new_tokens names {token}, which model.chat_template does not use: leave it out."
            )
