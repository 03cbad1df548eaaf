"""Which language a page speaks, and the catalogues of its sentences: `translations/<language>/messages.po`.

What was chosen in the footer is kept in a cookie; before that the browser's Accept-Language decides, and
English answers where neither names a language that there is. Catalogues are read once a process, as they are
written: nothing has to be compiled, and what one lacks is said in English. What people and models wrote is
never translated; nor are the services' own sentences, which are the API's and the command line's as well.
"""

from functools import cache, cached_property
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Blueprint, Flask, Response, redirect, request, url_for
from flask_babel import Babel, Domain, get_babel, get_locale
from werkzeug.wrappers import Response as AnyResponse

from feedback_app.forms import typed_text
from feedback_app.own_pages import own_page
from feedback_app.sentences import ENGLISH, current_locale

blueprint = Blueprint("languages", __name__)

COOKIE = "language"
KEPT_S = 365 * 24 * 3600
FOLDER = "translations"


class Catalogues(Domain):  # type: ignore[misc]
    """Flask-Babel's messages, from .po files."""

    def get_translations(self) -> NullTranslations:
        locale = get_locale()
        if locale is None:  # no request: a command, a job
            return NullTranslations()
        return catalogue(Path(self.translation_directories[0]), locale.language)


class Languages(Babel):  # type: ignore[misc]
    @cached_property
    def domain_instance(self) -> Catalogues:
        return Catalogues()


def install(app: Flask) -> None:
    app.jinja_env.policies["ext.i18n.trimmed"] = True  # a sentence may fill several lines of a template
    Languages(
        app,
        default_locale=ENGLISH,
        default_translation_directories=FOLDER,
        locale_selector=_chosen,
    )
    app.context_processor(lambda: {"locale": current_locale(), "languages": languages()})
    app.after_request(_say_language)
    app.register_blueprint(blueprint)


@blueprint.post("/language")
def choose() -> AnyResponse:
    """Back to the page that it was chosen on; a language that there is none of is the browser's again."""
    response = redirect(own_page(typed_text(request.form, "to")) or url_for("personas.choose"), 303)
    language = typed_text(request.form, "language")
    if language in languages():
        response.set_cookie(
            COOKIE, language, max_age=KEPT_S, httponly=True, samesite="Lax", secure=request.is_secure
        )
    else:
        response.delete_cookie(COOKIE)
    return response


def languages() -> dict[str, str]:
    """Each language that there is by its own name."""
    return _below(Path(get_babel().translation_directories[0]))


@cache
def catalogue(folder: Path, language: str) -> NullTranslations:
    """The sentences of a language; none for English, of which they are."""
    written = folder / language / "messages.po"
    if not written.exists():
        return NullTranslations()
    compiled = BytesIO()
    with written.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return Translations(compiled)


@cache
def _below(folder: Path) -> dict[str, str]:
    tags = ("en", *sorted(each.parent.name for each in folder.glob("*/messages.po")))
    return {tag: Locale.parse(tag).get_language_name(tag) or tag for tag in tags}


def _chosen() -> str:
    there = languages()
    wanted = (request.cookies.get(COOKIE, ""), *_accepted())
    language = next((one for one in wanted if one in there), "en")
    return ENGLISH if language == "en" else language


def _accepted() -> list[str]:
    """What the browser asks for, the best first, without countries: `de-AT` is served in German."""
    return [tag.split("-")[0].lower() for tag, quality in request.accept_languages if quality > 0]


def _say_language(response: Response) -> Response:
    """Pages differ by language and by who looks: said to whoever keeps them."""
    if response.mimetype == "text/html":
        response.vary.update(("Accept-Language", "Cookie"))
        response.content_language.add(current_locale().language)
    return response
