"""Composes a Recipe from the YAML groups in `recipes/` and a person's overrides, and checks every value.

The defaults live in the YAML, the schema in `services.domain.training`, limits in `recipe_values`. The
base is no choice of a recipe: it is the one the inference server holds, as it holds it, so BASE_MODEL and
BASE_QUANTISATION decide and the `model` group follows them.
"""

import difflib
import logging
from collections.abc import Collection, Sequence
from dataclasses import fields
from pathlib import Path, PurePath
from typing import cast

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import OmegaConf

from services.domain.training import (
    DEFAULT_QUANTISATION,
    LoraRecipe,
    ModelRecipe,
    OptimisationRecipe,
    PreferenceRecipe,
    Quantisation,
    Recipe,
)
from services.errors.inputs import InvalidRecipe
from services.settings import ROOT
from services.training.recipe_values import read_recipe

logger = logging.getLogger(__name__)

RECIPES = Path(__file__).resolve().parent / "recipes"
ANY = "any"  # the model group, and the name in it, of bases that have no group of their own

_GROUPS = {
    "model": ModelRecipe,
    "lora": LoraRecipe,
    "training": OptimisationRecipe,
    "preference": PreferenceRecipe,
}
_FROM_SETTINGS = {
    "model.name": "BASE_MODEL",
    "model.revision": "BASE_REVISION",
    "model.quantisation": "BASE_QUANTISATION",
}


def compose_recipe(
    name: str,
    overrides: Sequence[str],
    *,
    base_model: str,
    base_revision: str,
    base_quantisation: Quantisation = DEFAULT_QUANTISATION,
) -> Recipe:
    """The recipe of that name with overrides such as `lora.r=8` or `lora=embedded`; InvalidRecipe.

    `base_model` wins over the name in the `model` group. Unless an override chooses one, that group
    is the one whose name ends like `base_model` (a hub name or a folder), or else `any`.
    """
    _check_known("recipe", name, _names(RECIPES))
    chosen = [_parse(override) for override in overrides]
    composed = _compose(name, [f"model={_group_of(base_model)}", *overrides])
    of_group = str(composed["model"]["name"])
    if any(part.key_or_group == "model" for part in chosen) and of_group not in (base_model, ANY):
        logger.warning("BASE_MODEL is %s and wins over the model group's %s", base_model, of_group)
    composed["model"].update(name=base_model, revision=base_revision, quantisation=base_quantisation)
    return read_recipe(composed)


def _parse(text: str) -> Override:
    """One override that names a known group or key and gives it one value."""
    try:
        override = OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise InvalidRecipe(f"{text!r} is not of the form lora.r=8.") from error
    key = override.key_or_group
    if key in _GROUPS:
        _check_known(f"{key} group", str(override.value()), _names(RECIPES / key))
    else:
        _check_known("key", key, _keys())
    if key in _FROM_SETTINGS:
        raise InvalidRecipe(
            f"{key} is a setting, which the inference server reads too: set {_FROM_SETTINGS[key]}."
        )
    if not text.startswith(f"{key}=") or override.is_sweep_override():
        raise InvalidRecipe(f"{text!r} is not of the form {key}=value, with one value.")
    return override


def _compose(name: str, overrides: list[str]) -> dict[str, dict[str, object]]:
    try:
        with initialize_config_dir(version_base="1.3", config_dir=str(RECIPES)):
            composed = compose(config_name=name, overrides=overrides)
    except HydraException as error:
        raise InvalidRecipe(f"{error}".strip()) from error
    # Interpolations stay text: an override may not read this machine's environment into a recipe.
    return cast("dict[str, dict[str, object]]", OmegaConf.to_container(composed, resolve=False))


def base_of_group(group: str) -> str:
    """The base that a model group is of; empty for what is no group, or none of one base."""
    if group not in _names(RECIPES / "model") or group == ANY:
        return ""
    name = str(OmegaConf.load(RECIPES / "model" / f"{group}.yaml").name)
    return str(ROOT / name) if (ROOT / name).is_dir() else name


def _group_of(base_model: str) -> str:
    for group in sorted(_names(RECIPES / "model")):
        content = OmegaConf.load(RECIPES / "model" / f"{group}.yaml")
        if PurePath(content.name).name.casefold() == PurePath(base_model).name.casefold():
            return group
    return ANY


def _keys() -> list[str]:
    return [f"{section}.{field.name}" for section, group in _GROUPS.items() for field in fields(group)]


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.yaml"))


def _check_known(kind: str, given: str, known: Collection[str]) -> None:
    if given not in known:
        nearest = difflib.get_close_matches(given, known, n=3, cutoff=0.4) or sorted(known)
        raise InvalidRecipe(f"there is no {kind} {given!r}; the nearest are {', '.join(nearest)}.")
