"""Controls: what people said, turned around or dealt out by chance, and nothing else changed."""

import json

from benchmarks._halves import PUPILS, halves, side
from benchmarks._shuffled import shuffled, turned_back
from services.domain.conversation import Question
from services.domain.feedback import Choice, Thumb
from services.domain.splits import Split
from services.training_sets.importers.records import ImportedComparison, ImportedRating

_QUESTIONS = [Question(f"What is number {number}?", "maths", "student") for number in range(40)]


def test_a_toss_turns_thumbs_and_comparisons_of_a_question_alike():
    compared = [ImportedComparison(question, "a", "b", Choice.LEFT) for question in _QUESTIONS]
    thumbs = [ImportedRating(question, "a", Thumb.UP) for question in _QUESTIONS]

    exchanged = [read.choice is Choice.RIGHT for read in shuffled(compared)]

    assert exchanged == [read.verdict is Thumb.DOWN for read in shuffled(thumbs)]
    assert 10 < sum(exchanged) < 30
    true_order = turned_back({question.text: [1.0] for question in _QUESTIONS})
    assert [values == [0.0] for values in true_order.values()] == exchanged


def test_ties_stay_ties():
    ties = [ImportedComparison(question, "a", "b", Choice.TIE) for question in _QUESTIONS]

    assert shuffled(ties) == ties


def test_dealt_answers_are_the_personas_own_and_those_that_judge_stay(tmp_path):
    real, control = PUPILS[0], next(pupil for pupil in PUPILS if pupil.dealt)
    for name in real.persona.files:
        rows = [
            {"instruction": f"{name} {number}", "output": f"answer {name} {number}"} for number in range(60)
        ]
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))

    for ours, dealt in zip(halves(real, tmp_path), halves(control, tmp_path), strict=True):
        assert sorted(read.completion for read in dealt) == sorted(read.completion for read in ours)
        answers = {read.question: read.completion for read in ours}
        moved = [read for read in dealt if read.completion != answers[read.question]]
        assert len(moved) > len(ours) / 2
        assert all(side(read.question) is Split.TRAIN for read in moved)
