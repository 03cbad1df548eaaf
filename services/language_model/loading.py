"""Loads the base model and its tokenizer from a folder or by hub name: the same 4 bits everywhere (torch).

NF4 with double quantisation on GPU and CPU alike, computing in the half precision of the device, or plain
half precision where quantisation is NONE. Adapters are put on it by the trainer and the server; nothing here
generates or trains.
"""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePath

import torch
from huggingface_hub.errors import HFValidationError
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from services.cores import usable_cores
from services.domain.training import HalfPrecision, Quantisation
from services.errors.artifacts import BaseModelMissing
from services.language_model.cached_base import cached_folder, check_kept, keep
from services.language_model.machine import device, half_precision, memory_ran_out
from services.language_model.new_tokens import with_tokens

logger = logging.getLogger(__name__)

_DTYPES = {HalfPrecision.BF16: torch.bfloat16, HalfPrecision.FP16: torch.float16}
_TEMPLATES = Path(__file__).resolve().parent / "templates"
# At its import bitsandbytes says that a kernel of the hub is missing; its own takes the place.
_MISSING_KERNEL = "Failed to load CPU gemm_4bit_forward"
# What from_pretrained raises for a folder or name that holds no usable model.
_UNLOADABLE = (OSError, ValueError, KeyError, RuntimeError, SafetensorError, HFValidationError)


def _tells_something(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(_MISSING_KERNEL)


# Here and not in a function: PEFT imports bitsandbytes, so this module has to be imported before PEFT is.
logging.getLogger("bitsandbytes.backends.cpu.ops").addFilter(_tells_something)


def load_config(name: str, *, revision: str) -> PretrainedConfig:
    """The base's configuration alone; BaseModelMissing without one."""
    try:
        config: PretrainedConfig = AutoConfig.from_pretrained(name, revision=revision)
    except (OSError, ValueError) as error:
        raise BaseModelMissing(name, "it has no configuration that can be read") from error
    return config


def load_tokenizer(name: str, *, revision: str, new_tokens: Sequence[str] = ()) -> PreTrainedTokenizerBase:
    """The tokenizer, with a pad token (unk or eos where it has none); BaseModelMissing when there is none.

    `new_tokens` are an adapter's (`ModelRecipe`).

    A base that ships no chat template gets the one of `templates/` that bears its name, so that trainer and
    server, plain base and adapters, all render alike.
    """
    _check_folder(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
    except _UNLOADABLE as error:
        raise BaseModelMissing(name, _first_line(error)) from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    if tokenizer.pad_token is None:
        raise BaseModelMissing(name, "its tokenizer has no token to pad with, nor one that ends a text")
    if not tokenizer.chat_template:
        tokenizer.chat_template = _known_template(name)
    return with_tokens(tokenizer, new_tokens)


def load_base(
    name: str, *, revision: str, attention: str, quantisation: Quantisation, cache: Path | None = None
) -> PreTrainedModel:
    """The base on the GPU when there is one; BaseModelMissing when there is none.

    Where memory runs out the library's error is raised as it is: the base is not at fault.
    `quantisation` is one that this machine can do (`usable_quantisation`). `cache` is a folder that keeps
    bases in 4 bits, None for quantising it anew; both give the same bits.
    `attention` is transformers' name of an implementation, or "auto": the one that was fastest on this
    kind of device (eager on CPU at small sizes, sdpa on GPU). On a CPU it also sets torch's threads.
    """
    _check_folder(name)
    if device().type == "cpu":
        # One core is left to others, also of a training's share of them: a second thread that has to wait for
        # a busy core was measured to slow every step by a factor of ten and more, and gained a third on an
        # idle machine.
        torch.set_num_threads(max(1, usable_cores() - 1))
    chosen = ("sdpa" if device().type == "cuda" else "eager") if attention == "auto" else attention
    try:
        if cache is None or quantisation is Quantisation.NONE:
            return _load(name, chosen, revision=revision, config=_nf4(quantisation))
        return _load_through(cache, name, chosen, revision=revision)
    except _UNLOADABLE as error:
        if memory_ran_out(error):
            raise
        raise BaseModelMissing(name, _first_line(error)) from error


def _load_through(cache: Path, name: str, attention: str, *, revision: str) -> PreTrainedModel:
    kept = cached_folder(cache, name, revision=revision)
    if kept.is_dir():
        try:
            check_kept(kept)
            model = _load(str(kept), attention, revision="main", config=None)
        except _UNLOADABLE as error:
            if memory_ran_out(error):
                raise
            logger.warning(
                "the base kept in 4 bits is damaged and is quantised again: %s", _first_line(error)
            )
            shutil.rmtree(kept, ignore_errors=True)  # another process may be at it too
        else:
            # It is the base itself: adapters and digests name that, and not where this copy lay.
            model.name_or_path = model.config.name_or_path = name
            return model
    model = _load(name, attention, revision=revision, config=_nf4(Quantisation.NF4))
    keep(model, kept)
    return model


def _load(name: str, attention: str, *, revision: str, config: BitsAndBytesConfig | None) -> PreTrainedModel:
    # Not even None may be said of a base that was kept in 4 bits: it would undo what its own file says.
    how = {} if config is None else {"quantization_config": config}
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        name,
        **how,
        revision=revision,
        device_map={"": device()},
        dtype=_DTYPES[half_precision()],
        attn_implementation=attention,
        use_safetensors=True,
    )
    return model


def quantisation_of(model: PreTrainedModel) -> Quantisation:
    """How a loaded base is held."""
    return Quantisation.NF4 if "quantization_config" in model.config.to_dict() else Quantisation.NONE


def context_length(model: PreTrainedModel) -> int:
    """Tokens of prompt and answer together that the model was made for."""
    return int(model.config.get_text_config().max_position_embeddings)


def _nf4(quantisation: Quantisation) -> BitsAndBytesConfig | None:
    """The one quantisation of this project: trainer and server see equal 4-bit values.

    On two machines of different half precision the values differ by its rounding.
    """
    if quantisation is Quantisation.NONE:
        return None
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=_DTYPES[half_precision()],
    )


def _known_template(name: str) -> str | None:
    """The template of a base by the last part of its name, a hub name or a folder; None for others."""
    file = _TEMPLATES / f"{PurePath(name).name.casefold()}.jinja"
    return file.read_text(encoding="utf-8").removesuffix("\n") if file.is_file() else None


def _check_folder(name: str) -> None:
    """A name written as a path must be a model folder: the library would take it for a hub name."""
    folder = Path(name)
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise BaseModelMissing(name, "the folder holds no config.json")
    if (folder.is_absolute() or name.startswith(".")) and not folder.is_dir():
        raise BaseModelMissing(name, "there is no such folder")


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0][:200].rstrip(".") if text else type(error).__name__
