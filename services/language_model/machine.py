"""What this machine computes on and in: its device, its half precision, and whether it quantises (torch)."""

import importlib
import logging

import torch

from services.domain.training import HalfPrecision, Quantisation

logger = logging.getLogger(__name__)

_CPU_IS_FULL = "can't allocate memory"  # has no exception of its own


def device() -> torch.device:
    """A GPU of CUDA's or of Apple's where there is one, and the CPU otherwise."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def memory_ran_out(error: Exception) -> bool:
    """Whether an error of torch's says so."""
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and _CPU_IS_FULL in str(error)
    )


def half_precision() -> HalfPrecision:
    """What this machine computes in."""
    on_gpu = device().type == "cuda"
    return half_precision_of(torch.cuda.get_device_capability() if on_gpu else None)


def half_precision_of(capability: tuple[int, int] | None) -> HalfPrecision:
    """bf16 on CPUs and Apple's GPUs (None) and on those that have it in hardware, from compute capability
    8.0 on, else fp16.

    Asking torch whether bf16 is supported would not do: where it is only emulated, as on a T4, it says yes.
    """
    return HalfPrecision.BF16 if capability is None or capability >= (8, 0) else HalfPrecision.FP16


def usable_quantisation(asked: Quantisation) -> Quantisation:
    """What is asked for; NONE and a warning where this machine has no 4 bits."""
    lacking = _why_no_nf4() if asked is Quantisation.NF4 else ""
    if not lacking:
        return asked
    logger.warning(
        "%s, so the base is held in %s, not in 4 bits: it takes about four times the memory",
        lacking,
        half_precision(),
    )
    return Quantisation.NONE


def has_bitsandbytes() -> bool:
    """Whether it can be imported, which loads its compiled part."""
    try:
        importlib.import_module("bitsandbytes")
    except (ImportError, OSError):
        return False
    return True


def _why_no_nf4() -> str:
    if device().type == "mps":
        return "NF4 is not supported on Apple silicon"
    return "" if has_bitsandbytes() else "bitsandbytes cannot be imported here"
