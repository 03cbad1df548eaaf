"""The training script of the source documents, with TRL by hand and its switches one by one (torch).

As written: r 16 on all linear layers, batches of 2 x 4, checkpointing, dropout 0.05, the library's attention,
and a loss on everything, the prompt included. It is given the same token ids as ours, so that both read the
same rows. Rows are padded; nothing is validated.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, BitsAndBytesConfig
from trl import SFTConfig, SFTTrainer

from services.language_model.loading import load_tokenizer
from services.language_model.machine import device
from services.training.dataset import TokenisedRow


@dataclass(frozen=True, slots=True)
class Switches:
    """What the script sets; the defaults are what is written there."""

    answers_only: bool = False
    batch_size: int = 2
    accumulation: int = 4
    checkpointing: bool = True
    dropout: float = 0.05
    attention: str = "sdpa"
    packing: bool = False


def run_script(base: str, rows: Sequence[TokenisedRow], out: Path, switches: Switches) -> float:
    """Seconds that its one epoch took, loading left out; the adapter is in `out`."""
    tokenizer = load_tokenizer(base, revision="main")
    trainer = SFTTrainer(
        model=_load(base, switches.attention),
        args=_arguments(out, switches),
        train_dataset=Dataset.from_dict(
            {
                "input_ids": [row.input_ids for row in rows],
                "labels": [row.labels if switches.answers_only else row.input_ids for row in rows],
            }
        ),
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=16,
            lora_alpha=32,
            lora_dropout=switches.dropout,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
    )
    began = time.monotonic()
    trainer.train()
    took = time.monotonic() - began
    trainer.model.save_pretrained(out)
    return took


def _load(base: str, attention: str) -> torch.nn.Module:
    quantised = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_use_double_quant=True,
    )
    model: torch.nn.Module = AutoModelForCausalLM.from_pretrained(
        base,
        quantization_config=quantised,
        device_map={"": device()},
        dtype=torch.bfloat16,
        attn_implementation=attention,
    )
    return model


def _arguments(out: Path, switches: Switches) -> SFTConfig:
    on_gpu = device().type == "cuda"
    return SFTConfig(
        output_dir=str(out),
        num_train_epochs=1,
        per_device_train_batch_size=switches.batch_size,
        gradient_accumulation_steps=switches.accumulation,
        activation_checkpointing=switches.checkpointing,
        learning_rate=2e-4,
        weight_decay=1e-3,
        warmup_steps=0.03,
        lr_scheduler_type="cosine",
        max_length=1024,
        packing=switches.packing,
        optim="paged_adamw_8bit" if on_gpu else "adamw_torch",
        bf16=True,
        use_cpu=not on_gpu,
        dataloader_pin_memory=on_gpu,
        logging_steps=5,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=42,
    )
