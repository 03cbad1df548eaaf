"""Text that has to stand on one line: names and reasons, in a table, a log or a ledger."""

import unicodedata

from services.domain.conversation import check_text
from services.errors.inputs import ForbiddenCharacter

BREAKS = frozenset({"Cc", "Zl", "Zp"})  # control characters, line and paragraph separators


def check_line(field: str, text: str, *, limit: int) -> str:
    """The text stripped of outer white space, or EmptyText, TextTooLong, ForbiddenCharacter."""
    checked = check_text(field, text, limit=limit)
    for sign in checked:
        if unicodedata.category(sign) in BREAKS:
            raise ForbiddenCharacter(field, f"the control character U+{ord(sign):04X}")
    return checked
