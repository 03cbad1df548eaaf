"""A page's sentences in the language of who reads it, for Python; templates say `_()` and `{% trans %}`.

What is written here in English is found by `make messages`. A sentence is written whole, with names where
something is put in: `gettext("There is no page %(page)s.", page=path)`.
"""

import unicodedata

import flask_babel
from babel import Locale
from markupsafe import Markup

ENGLISH = "en_GB"  # of which dates have the order and hours the form that every other page has

# Classes of characters that are read the other way, or that say how what follows is read.
_CONTROLS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
_TURNING = {"ltr": frozenset({"R", "AL"}) | _CONTROLS, "rtl": frozenset({"L"}) | _CONTROLS}


class Sentence(str):
    """In the language of whoever reads the page; what services say is none, and English."""

    __slots__ = ()

    def __str__(self) -> str:
        """Itself, so that an error that says it still says a Sentence."""
        return self


def gettext(sentence: str, **values: object) -> Sentence:
    return Sentence(flask_babel.gettext(sentence, **values))


def ngettext(one: str, many: str, num: int, **values: object) -> Sentence:
    """`num` is put in as `%(num)d`, and chooses among as many forms as the language has."""
    return Sentence(flask_babel.ngettext(one, many, num, **values))


def lazy_gettext(sentence: str, **values: object) -> flask_babel.LazyString:
    """For tables made at import: it is said in the language of whoever is shown it, then."""
    return flask_babel.LazyString(gettext, sentence, **values)


def spoken(words: str) -> Markup:
    """Attributes of the element around these words, by which a screen reader says them in their language."""
    return Markup('dir="auto"') if isinstance(words, Sentence) else Markup('lang="en" dir="ltr"')


def in_english(words: str) -> Markup:
    """What services say, as a piece of a sentence in another language."""
    return Markup('<span lang="en" dir="ltr">{}</span>').format(words)


def current_locale() -> Locale:
    """Of this request; that of English where there is none."""
    return flask_babel.get_locale() or Locale.parse(ENGLISH)


def isolated(text: str) -> str:
    """What somebody wrote, as a piece of a sentence: the words around it stay where they stand."""
    turning = _TURNING[current_locale().text_direction]
    turns = any(unicodedata.bidirectional(character) in turning for character in text)
    # Joined by an empty piece of itself, escaped text stays known as that.
    return text[:0].join(("\u2068", text, "\u2069")) if turns else text
