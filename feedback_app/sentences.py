"""A page's sentences in the language of who reads it, for Python; templates say `_()` and `{% trans %}`.

What is written here in English is found by `make messages`. A sentence is written whole, with names where
something is put in: `gettext("There is no page %(page)s.", page=path)`.
"""

import flask_babel


def gettext(sentence: str, **values: object) -> str:
    return str(flask_babel.gettext(sentence, **values))


def ngettext(one: str, many: str, num: int, **values: object) -> str:
    """`num` is put in as `%(num)d`, and chooses among as many forms as the language has."""
    return str(flask_babel.ngettext(one, many, num, **values))


def lazy_gettext(sentence: str) -> flask_babel.LazyString:
    """For tables made at import: it is said in the language of whoever is shown it, then."""
    return flask_babel.lazy_gettext(sentence)
