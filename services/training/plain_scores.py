"""Whether a base's scores of the vocabulary are what its last layer gives, or more is done with them.

Some architectures scale or cap them, and mixtures of experts add a loss of their own. TRL knows how; those
bases keep its losses, also where cheaper ones of ours would do for the others. Nothing is computed here.
"""

from transformers import PretrainedConfig

# What TRL's `add_fused_lm_head` reads of a configuration.
_DOES_MORE = (
    "final_logit_softcapping",
    "logit_scale",
    "logits_scaling",
    "lm_head_multiplier",
    "output_multiplier",
    "output_router_logits",
)


def has_plain_scores(config: PretrainedConfig) -> bool:
    values = config.get_text_config().to_dict()
    return all(values.get(name) is None for name in _DOES_MORE)
