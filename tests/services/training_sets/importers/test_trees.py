"""Trees of replies: the best are demonstrations, their ranks comparisons."""

import gzip
import json

import pytest

from services.domain.conversation import Question
from services.domain.feedback import Choice
from services.errors.inputs import InvalidRecord
from services.training_sets.importers.records import ImportedComparison, ImportedExample


def message(role: str, text: str, *replies: dict[str, object], **more: object) -> dict[str, object]:
    return {"role": role, "text": text, "lang": "en", "replies": list(replies), **more}


TREE = {
    "message_tree_id": "1",
    "tree_state": "ready_for_export",
    "prompt": message(
        "prompter",
        "Why?",
        message("assistant", "No.", rank=1),
        message(
            "assistant",
            "So.",
            message("prompter", "And then?", message("assistant", "Thus.", rank=None)),
            rank=0,
        ),
        message("assistant", "Gone.", rank=2, deleted=True),
        message("assistant", "Buy!", rank=3, labels={"spam": {"value": 0.9, "count": 3}}),
        message("assistant", "Eh.", rank=1, labels={"spam": {"value": 0.1, "count": 3}}),
        message("assistant", "Bad.", rank=4, review_result=False),
    ),
}


def test_a_trees_best_replies_are_demonstrations_and_its_ranks_comparisons(read_text):
    english = ("general knowledge", "general reader (en)")
    question = Question("Why?", *english)
    assert read_text(json.dumps(TREE), "openassistant") == [
        ImportedExample(question, "So."),
        ImportedComparison(question, "So.", "No.", Choice.LEFT, "ranking"),
        ImportedComparison(question, "So.", "Eh.", Choice.LEFT, "ranking"),
        ImportedExample(Question("And then?", *english, "User: Why?\nAssistant: So."), "Thus."),
    ]


def test_replies_without_a_rank_order_nothing(read_text):
    replies = [message("assistant", text) for text in ("So.", "No.")]
    assert read_text(json.dumps({"prompt": message("prompter", "Why?", *replies)}), "openassistant") == []


def test_a_deleted_prompt_takes_its_whole_tree_with_it(read_text):
    tree = {"prompt": message("prompter", "Why?", message("assistant", "So."), deleted=True)}
    assert read_text(json.dumps(tree), "openassistant") == []


def test_trees_may_be_packed_and_a_packed_file_cut_in_the_middle_is_reported(read_text):
    texts = "\n".join(json.dumps({**TREE, "message_tree_id": str(n) * 50}) for n in range(300))
    packed = gzip.compress(texts.encode())
    whole = read_text(packed, "openassistant")
    assert len(whole) == 1_200
    cut = read_text(packed[: len(packed) // 2], "openassistant")
    assert isinstance(cut[-1], InvalidRecord)
    assert "breaks off" in cut[-1].reason
    assert cut[:-1] == whole[: len(cut) - 1]


@pytest.mark.parametrize(
    "tree", [{}, {"prompt": "Why?"}, {"prompt": {"role": "prompter"}}, {"prompt": message("pirate", "Arr")}]
)
def test_a_line_that_is_no_tree_is_reported(read_text, tree: dict[str, object]):
    bad, kept = read_text(
        json.dumps(tree)
        + "\n"
        + json.dumps({"prompt": message("prompter", "Why?", message("assistant", "So."))}),
        "openassistant",
    )
    assert (bad.line, kept.completion) == (1, "So.")
