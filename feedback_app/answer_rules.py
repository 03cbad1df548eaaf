"""What a persona's answers look like, and what a better one is checked for, as sentences."""

from feedback_app.sentences import gettext, isolated, ngettext
from services.domain.answer_formats import AnswerFormat, AnswerRules


def format_in_words(rules: AnswerRules, who: str = "") -> str:
    """What answers look like, as a sentence for who asks; empty where any text may come."""
    return _of_somebody(rules, isolated(who)) if who else _of_this_one(rules)


def _of_this_one(rules: AnswerRules) -> str:
    said, most = "", rules.word_limit
    match rules.format:
        case AnswerFormat.MCQ:
            said = gettext("Answers with a letter: put each option on a line of its own, A. B. and so on.")
        case AnswerFormat.SAQ if most:
            said = ngettext(
                "Answers with a short text of at most %(num)d word.",
                "Answers with a short text of at most %(num)d words.",
                most,
            )
        case AnswerFormat.SAQ:
            said = gettext("Answers with a short text.")
        case AnswerFormat.JSON if rules.schema:
            said = gettext("Answers with JSON of a set shape.")
        case AnswerFormat.JSON:
            said = gettext("Answers with JSON.")
        case AnswerFormat.FREE_TEXT if most:
            said = ngettext(
                "Answers with a text of at most %(num)d word.",
                "Answers with a text of at most %(num)d words.",
                most,
            )
    return said


def _of_somebody(rules: AnswerRules, who: str) -> str:
    said, most = "", rules.word_limit
    match rules.format:
        case AnswerFormat.MCQ:
            said = gettext(
                "%(who)s answers with a letter: put each option on a line of its own, A. B. and so on.",
                who=who,
            )
        case AnswerFormat.SAQ if most:
            said = ngettext(
                "%(who)s answers with a short text of at most %(num)d word.",
                "%(who)s answers with a short text of at most %(num)d words.",
                most,
                who=who,
            )
        case AnswerFormat.SAQ:
            said = gettext("%(who)s answers with a short text.", who=who)
        case AnswerFormat.JSON if rules.schema:
            said = gettext("%(who)s answers with JSON of a set shape.", who=who)
        case AnswerFormat.JSON:
            said = gettext("%(who)s answers with JSON.", who=who)
        case AnswerFormat.FREE_TEXT if most:
            said = ngettext(
                "%(who)s answers with a text of at most %(num)d word.",
                "%(who)s answers with a text of at most %(num)d words.",
                most,
                who=who,
            )
    return said


def format_checked(rules: AnswerRules, question: str) -> str:
    """What a better answer to this question is checked for, as a sentence; empty where any text is taken."""
    said, most = "", rules.word_limit
    match rules.format if rules.validation else None:
        case AnswerFormat.MCQ:
            letters = ", ".join(rules.letters(question))
            said = gettext("It is checked: it must name one of the letters %(letters)s.", letters=letters)
        case AnswerFormat.SAQ if most:
            said = ngettext(
                "It is checked: it must be a text of at most %(num)d word with a letter or a digit in it.",
                "It is checked: it must be a text of at most %(num)d words with a letter or a digit in it.",
                most,
            )
        case AnswerFormat.SAQ:
            said = gettext("It is checked: it must be a text with a letter or a digit in it.")
        case AnswerFormat.JSON if rules.schema:
            said = gettext("It is checked: it must be JSON that fits this schema:")
        case AnswerFormat.JSON:
            said = gettext("It is checked: it must be JSON.")
        case AnswerFormat.FREE_TEXT if most:
            said = ngettext(
                "It is checked: it must be a text of at most %(num)d word.",
                "It is checked: it must be a text of at most %(num)d words.",
                most,
            )
    return said
