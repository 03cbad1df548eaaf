"""The one place where chat messages become token ids, for the trainer and the server alike (torch).

The prompt ids a server feeds are the prompt ids a trainer saw, and a completion always ends with the token
at which generation stops. Building the messages is `services.domain.conversation`'s.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from jinja2.exceptions import TemplateError
from transformers import PreTrainedTokenizerBase

from services.domain.conversation import Message, Role
from services.errors.artifacts import BaseModelMissing
from services.errors.tree import InvalidInput

# For bases that ship no template and of which `templates/` knows none. It opens with the token the base
# starts texts with and closes an answer with the token the base ends them with, whatever those are.
MINIMAL_TEMPLATE = (
    "{{ bos_token or '' }}{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}Answer:\n{{ message['content'] }}{{ eos_token }}\n\n"
    "{% else %}{{ message['content'] }}\n\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}Answer:\n{% endif %}"
)
_PROBE = "Persona"
_MARK = re.compile(r"<\S+>|\[\S+\]")


def render_prompt(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], *, chat_template: str
) -> list[int]:
    """Token ids up to and including the mark that opens the assistant's turn.

    `chat_template` empty means the tokenizer's own, or MINIMAL_TEMPLATE where it has none. A system
    role that the template refuses or drops is folded into the first user turn. Text of messages is never
    read as control tokens. Raises InvalidInput when the template takes the messages in neither form.
    """
    template = _template(tokenizer, chat_template)
    messages = [Message(message.role, _defuse(tokenizer, message.content)) for message in messages]
    if messages and messages[0].role is Role.SYSTEM and not _takes_system(tokenizer, template):
        messages = _fold_system(messages)
    try:
        rendered = tokenizer.apply_chat_template(
            _plain(messages),
            chat_template=template,
            add_generation_prompt=True,
            return_dict=False,
            sanitize_control_tokens=True,
        )
    except TemplateError as error:
        raise InvalidInput(f"The model's chat template refuses these messages: {error}.") from error
    return list(rendered)


def render_supervised(
    tokenizer: PreTrainedTokenizerBase,
    messages: Sequence[Message],
    completion: str,
    *,
    chat_template: str,
) -> tuple[list[int], list[int]]:
    """Prompt ids and completion ids; their concatenation is what training sees, loss on the second only.

    The completion is encoded on its own, so that the prompt is the served one to the last id, and ends
    with `end_token_id`.
    """
    prompt = render_prompt(tokenizer, messages, chat_template=chat_template)
    text = _defuse(tokenizer, completion.strip())
    answer = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
    return prompt, [*answer, end_token_id(tokenizer, chat_template=chat_template)]


def encode_text(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Token ids of a text to go on with, opened by the token that starts texts where the base has one."""
    return list(tokenizer.encode(text, split_special_tokens=True))


def end_token_id(tokenizer: PreTrainedTokenizerBase, *, chat_template: str) -> int:
    """The id that closes an answer: the control token the template writes after one, else the eos token."""
    text = tokenizer.apply_chat_template(
        _plain([Message(Role.USER, _PROBE), Message(Role.ASSISTANT, _PROBE)]),
        chat_template=_template(tokenizer, chat_template),
        tokenize=False,
    )
    after_answer = str(text).rpartition(_PROBE)[2]
    control = {
        token_id for token_id, token in tokenizer.added_tokens_decoder.items() if not token.content.isspace()
    }
    for token_id in tokenizer.encode(after_answer, add_special_tokens=False):
        if token_id in control:
            return int(token_id)
    if tokenizer.eos_token_id is None:
        raise BaseModelMissing(tokenizer.name_or_path, "its tokenizer has no token that ends a text")
    return int(tokenizer.eos_token_id)


def _defuse(tokenizer: PreTrainedTokenizerBase, text: str) -> str:
    """The text with the spelling of every control token of this tokenizer broken by a zero-width space.

    Tokenizers split only what is marked special; <tool_call> and its like are often not.
    """
    spellings = tuple(sorted(token.content for token in tokenizer.added_tokens_decoder.values()))
    pattern = _pattern(spellings)
    return pattern.sub(lambda found: f"{found[0][0]}\u200b{found[0][1:]}", text) if pattern else text


@lru_cache(maxsize=4)
def _pattern(spellings: tuple[str, ...]) -> re.Pattern[str] | None:
    """One that finds those that look like marks; runs of spaces, which some bases add too, are text."""
    marks = [re.escape(spelling) for spelling in spellings if _MARK.fullmatch(spelling)]
    return re.compile("|".join(marks)) if marks else None


def _template(tokenizer: PreTrainedTokenizerBase, chat_template: str) -> str:
    return chat_template or tokenizer.chat_template or MINIMAL_TEMPLATE


def _takes_system(tokenizer: PreTrainedTokenizerBase, template: str) -> bool:
    """Whether the template renders a system message; some raise an error and some drop it silently."""
    probe = [Message(Role.SYSTEM, _PROBE), Message(Role.USER, "?")]
    try:
        text = tokenizer.apply_chat_template(_plain(probe), chat_template=template, tokenize=False)
    except TemplateError:
        return False
    return _PROBE in str(text)


def _fold_system(messages: Sequence[Message]) -> Sequence[Message]:
    system, *turns = messages
    if not turns or turns[0].role is not Role.USER:
        return messages
    first = Message(Role.USER, f"{system.content}\n\n{turns[0].content}")
    return [first, *turns[1:]]


def _plain(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": message.role.value, "content": message.content} for message in messages]
