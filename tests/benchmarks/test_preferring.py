"""What the benchmarks on comparisons reckon with: intervals over prompts, and the coin of their controls."""

from benchmarks._intervals import accuracy, preferences
from benchmarks._shuffled import shuffled, turned_back
from services.domain.conversation import Question
from services.domain.feedback import Choice
from services.errors.inputs import InvalidRecord
from services.training_sets.importers.records import ImportedComparison


def compared(number: int, choice: Choice = Choice.LEFT) -> ImportedComparison:
    return ImportedComparison(Question(f"Question {number}?", "physics", "student"), "A", "B", choice)


def test_pairs_of_one_prompt_are_drawn_together():
    always = accuracy({str(number): [1.0, 1.0] for number in range(50)})
    assert (always.pairs, always.prompts, always.mean, always.low, always.high) == (100, 50, 1, 1, 1)
    apart = {str(number): [float(number % 2)] for number in range(100)}
    together = {str(number): [float(number % 2)] * 50 for number in range(100)}
    assert accuracy(apart).low == accuracy(together).low
    assert accuracy(together).tells_nothing
    assert not accuracy({str(number): [1.0] * 3 + [0.0] for number in range(50)}).tells_nothing


def test_prompts_with_many_pairs_weigh_more_in_one_mean_only():
    found = accuracy({"one": [1.0] * 9, "other": [0.0]})
    assert (found.mean, found.mean_by_prompt) == (0.9, 0.5)


def test_only_pairs_of_a_report_are_preferences():
    def scored(source: str, preferred: float) -> dict[str, object]:
        return {"item": {"source": source, "question": {"text": "Why?"}}, "preferred": preferred}

    items = [scored("pair", 1.0), {"item": {"source": "bank"}}, scored("pair", 0.5)]
    assert preferences(items) == {"Why?": [1.0, 0.5]}


def test_the_coin_falls_once_for_a_question_and_about_as_often_on_either_side():
    reads = [compared(number) for number in range(400) for _ in range(2)]
    tossed = [read.choice for read in shuffled(reads) if isinstance(read, ImportedComparison)]
    assert tossed[::2] == tossed[1::2]
    assert 350 < tossed.count(Choice.RIGHT) < 450
    assert shuffled(reads) == shuffled(reads)


def test_ties_and_what_cannot_be_read_stay_as_they_are():
    reads = [*(compared(number, Choice.TIE) for number in range(20)), InvalidRecord(1, "broken")]
    assert shuffled(reads) == reads


def test_what_a_control_prefers_is_turned_where_the_coin_exchanged():
    reads = [compared(number) for number in range(20)]
    said = {
        read.question.text: [1.0 if read.choice is Choice.LEFT else 0.0]
        for read in shuffled(reads)
        if isinstance(read, ImportedComparison)
    }
    assert all(values == [1.0] for values in turned_back(said).values())
