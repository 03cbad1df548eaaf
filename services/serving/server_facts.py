"""What this server is: what decides how the same request is answered (torch)."""

from importlib.metadata import PackageNotFoundError, version

import torch

from services.domain.fingerprint import ServerFacts
from services.domain.training import Quantisation

SERVER_VERSION = "1"  # one more with every change by which the same request could be answered otherwise
_PACKAGES = ("torch", "transformers", "peft", "bitsandbytes")


def server_facts(base_digest: str, quantisation: Quantisation, device: torch.device) -> ServerFacts:
    """Of a GPU its model is told: another one computes otherwise."""
    on_gpu = device.type == "cuda"
    return ServerFacts(
        base_digest=base_digest,
        quantisation=quantisation.value,
        device=torch.cuda.get_device_name(device) if on_gpu else device.type,
        server=SERVER_VERSION,
        packages=_versions(),
    )


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # bitsandbytes is not for every machine
            continue
    return found
