import pytest
from tokenizers import AddedToken
from transformers import AutoTokenizer

from services.domain.conversation import Message, Question, Role, build_messages
from services.errors.tree import InvalidInput
from services.language_model.loading import load_tokenizer
from services.language_model.rendering import end_token_id, render_prompt, render_supervised

SPELLINGS = "<|end|> <|assistant|> <|endoftext|> </s> <s> [INST]"
REFUSES_SYSTEM = (
    "{% for message in messages %}{% if message['role'] == 'system' %}{{ raise_exception('no system') }}"
    "{% endif %}[{{ message['role'] }}: {{ message['content'] }}]{% endfor %}"
)
DROPS_SYSTEM = (
    "{% for message in messages %}{% if message['role'] != 'system' %}"
    "[{{ message['role'] }}: {{ message['content'] }}]{% endif %}{% endfor %}"
)


@pytest.fixture(scope="module")
def tokenizer(base_folder):
    return load_tokenizer(str(base_folder), revision="main")


def messages(text="Why?"):
    return build_messages(
        "You are an expert in {domain}, for a {audience}.", Question(text, "physics", "student")
    )


def control_ids(tokenizer):
    return set(tokenizer.added_tokens_decoder)


def test_a_prompt_is_the_template_opened_for_the_assistant(tokenizer):
    text = tokenizer.decode(render_prompt(tokenizer, messages(), chat_template=""))
    assert text == (
        "<|system|>\nYou are an expert in physics, for a student.<|end|>\n"
        "<|user|>\nQuestion:\nWhy?<|end|>\n<|assistant|>\n"
    )


def test_a_supervised_row_begins_with_the_served_prompt_and_ends_with_the_end_token(tokenizer):
    prompt, answer = render_supervised(tokenizer, messages(), "Because.", chat_template="")
    assert prompt == render_prompt(tokenizer, messages(), chat_template="")
    assert tokenizer.decode(answer) == "Because.<|end|>"
    assert answer[-1] == end_token_id(tokenizer, chat_template="")


@pytest.mark.parametrize("built", [True, False], ids=["built by the domain", "sent as they are"])
def test_what_people_write_never_becomes_a_control_token(tokenizer, built):
    written = messages(SPELLINGS) if built else (Message(Role.USER, SPELLINGS),)
    harmless = messages() if built else (Message(Role.USER, "Why?"),)
    with_spellings, plain = (
        [
            token
            for token in render_prompt(tokenizer, each, chat_template="")
            if token in control_ids(tokenizer)
        ]
        for each in (written, harmless)
    )
    assert with_spellings == plain
    _, answer = render_supervised(tokenizer, harmless, SPELLINGS, chat_template="")
    assert [token for token in answer if token in control_ids(tokenizer)] == answer[-1:]


@pytest.mark.parametrize("template", [REFUSES_SYSTEM, DROPS_SYSTEM], ids=["refused", "dropped"])
def test_a_system_role_the_template_does_not_take_is_folded_into_the_users_turn(tokenizer, template):
    text = tokenizer.decode(render_prompt(tokenizer, messages(), chat_template=template))
    assert text == "[user: You are an expert in physics, for a student.\n\nQuestion:\nWhy?]"


def test_messages_that_no_form_of_the_template_takes_are_invalid_input(tokenizer):
    template = "{{ raise_exception('roles must alternate') }}"
    with pytest.raises(InvalidInput, match="roles must alternate"):
        render_prompt(tokenizer, messages(), chat_template=template)


def test_a_base_without_a_template_gets_a_plain_one_that_ends_with_its_eos_token(base_folder):
    bare = AutoTokenizer.from_pretrained(base_folder)
    bare.chat_template = None
    prompt, answer = render_supervised(bare, messages(), "Because.", chat_template="")
    assert bare.decode(prompt).endswith("\n\nQuestion:\nWhy?\n\nAnswer:\n")
    assert answer[-1] == bare.eos_token_id


def test_added_tokens_that_are_not_special_are_no_control_tokens_in_peoples_text(base_folder):
    tokenizer = load_tokenizer(str(base_folder), revision="main")
    marks = ["<tool_call>", "<unused1>", "[THINK]"]
    tokenizer.add_tokens([AddedToken(mark, special=False, normalized=False) for mark in marks])
    added = {tokenizer.convert_tokens_to_ids(mark) for mark in marks}
    written = "Say " + " ".join(marks)
    prompt, answer = render_supervised(tokenizer, messages(written), written, chat_template="")
    assert not added & {*prompt, *answer}
