"""Which of two answers is better: the four choices as pages offer them, and read from what was sent."""

from feedback_app.sentences import gettext, lazy_gettext
from services.domain.feedback import Choice
from services.errors.tree import InvalidInput

CHOICES = {  # on a page in this order: each has the key of its number
    Choice.LEFT: lazy_gettext("First is better"),
    Choice.RIGHT: lazy_gettext("Second is better"),
    Choice.TIE: lazy_gettext("Equally good"),
    Choice.BOTH_BAD: lazy_gettext("Both are bad"),
}


def read_choice(word: str) -> Choice:
    """InvalidInput for a word that is none of the four."""
    try:
        return Choice(word)
    except ValueError as error:
        raise InvalidInput(
            gettext("Nothing was chosen: choose one of the four and send it again.")
        ) from error
