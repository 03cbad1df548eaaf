"""A second base that people can be answered by: the embedded one as a model of Llama's architecture.

Phi-3 keeps in one matrix what Llama keeps in two or three, so the same numbers in other layers say nearly the
same: a base of another architecture and digest, on which no adapter of the embedded one fits.
"""

import json
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

WEIGHTS = "model.safetensors"
FUSED = {
    "qkv_proj": ("q_proj", "k_proj", "v_proj"),
    "gate_up_proj": ("gate_proj", "up_proj"),
}
PHI_ONLY = ("embd_pdrop", "original_max_position_embeddings", "resid_pdrop", "sliding_window")


def write_as_llama(phi: Path, folder: Path) -> None:
    """Write the Phi-3 base of one folder, with as many keys as heads, into another that is not there yet."""
    shutil.copytree(phi, folder)
    config = json.loads((phi / "config.json").read_text(encoding="utf-8"))
    for name in PHI_ONLY:
        del config[name]
    del config["rope_parameters"]["partial_rotary_factor"]
    config |= {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    weights = {}
    for name, tensor in load_file(phi / WEIGHTS).items():
        fused = name.split(".")[-2]
        parts = FUSED.get(fused, (fused,))
        for part, rows in zip(parts, tensor.chunk(len(parts)), strict=True):
            weights[name.replace(fused, part)] = rows.contiguous()
    save_file(weights, folder / WEIGHTS, {"format": "pt"})
