"""What a client of the API may do, by the scopes of its token; each stands alone."""

from enum import StrEnum


class Scope(StrEnum):
    PERSONAS = "personas"  # read who there is, and their versions
    ANSWERS = "answers"  # ask, and read what was answered
    FEEDBACK = "feedback"  # rate, correct, compare, and read what was said
