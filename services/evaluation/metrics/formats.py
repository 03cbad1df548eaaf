"""Of answers in a format: the right letter of a multiple choice, and whether the answer is in the format."""

from services.domain.answer_formats import AnswerFormat, AnswerRules
from services.domain.evaluation import Item


def accuracy(answer: str, item: Item, rules: AnswerRules) -> float | None:
    """Of multiple choice alone: 1.0 when the letter that the answer names is the key's, 0.0 without any."""
    key = rules.read(item.answer_key or item.reference) if rules.format is AnswerFormat.MCQ else None
    return None if key is None else float(rules.read(answer) == key)


def format_validity(answer: str, item: Item, rules: AnswerRules) -> float | None:
    """1.0 when the answer is in the format; None where any text is. Looked at without validation too."""
    return float(rules.problem(answer, item.question.text) is None) if rules.constrain else None
