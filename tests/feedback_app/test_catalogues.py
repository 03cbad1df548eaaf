"""The catalogues of translations say what the app says, whole, and put the same things into it."""

import re
from collections import Counter

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from feedback_app.curating import STATE_ACTS
from feedback_app.languages import FOLDER
from feedback_app.reviewing import ACTS as REVIEW_ACTS
from feedback_app.words import ACTS, WORDS
from services.accounts.audit import CHANGED_POLICIES
from services.domain.checks import Verdict
from services.domain.feedback import Choice, Reason
from services.domain.personas import PersonaState
from services.domain.promotions import PromotionKind
from services.domain.roles import Role
from services.domain.training import RunState
from services.evaluation.wording import TITLES
from services.jobs.retrain import ACT as RETRAIN
from services.settings import ROOT
from tests.feedback_app.conftest import Visitor
from tests.feedback_app.pseudo_language import APP, said_by_the_app

LANGUAGES = sorted(each.parent.name for each in (APP / FOLDER).glob("*/messages.po"))

_RECORDED = re.compile(r'audit\.record\(\s*session, "([^"]+)"')
_NAMED = re.compile(r"%\((\w+)\)")
_MARKUP = re.compile(r"<[^>]*>|[\"{}]|%%")


def catalogue(language: str) -> Catalog:
    with (APP / FOLDER / language / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


def sentences(found: Catalog) -> list[Message]:
    return [message for message in found if message.id]


def forms(texts: str | tuple[str, ...] | list[str]) -> list[str]:
    return [texts] if isinstance(texts, str) else list(texts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_has_every_sentence_of_the_app_and_no_other(language: str):
    said = {one for one, *_ in said_by_the_app()}
    there = {forms(each.id)[0] for each in sentences(catalogue(language))}
    assert len(said) > 500
    assert said == there, (
        f"run `make messages` and translate what is empty in {FOLDER}/{language}/messages.po: "
        f"missing {sorted(said - there)}, not said any more {sorted(there - said)}"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_translated_in_all_its_forms_and_none_is_a_guess(language: str):
    found = catalogue(language)
    for message in sentences(found):
        assert not message.fuzzy, f"fuzzy in {language}: {message.id!r}"
        assert all(forms(message.string)), f"not translated into {language}: {message.id!r}"
        if message.pluralizable:
            assert len(message.string) == found.num_plurals, message.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_puts_in_what_the_sentence_does_and_has_its_markup(language: str):
    for message in sentences(catalogue(language)):
        *_, most = forms(message.id)
        names = set(_NAMED.findall(most))
        for text in forms(message.string):
            put_in = set(_NAMED.findall(text))
            # A form for one or two may say so in words.
            counts = {"num", "count", "shortest"} if message.pluralizable else set()
            assert put_in | counts == names | counts, (language, message.id, text)
            assert Counter(_MARKUP.findall(text)) == Counter(_MARKUP.findall(most)), (language, text)
            text % dict.fromkeys(names, 1)  # raises where a letter after a bracket went away


@pytest.mark.parametrize(
    "words", [Reason, Role, PersonaState, RunState, PromotionKind, Verdict, Choice, TITLES.values()]
)
def test_every_word_of_the_domain_that_pages_show_has_one(words: list[str]):
    assert [word for word in words if word not in WORDS] == []


def test_every_act_that_the_audit_log_records_has_its_words():
    parts = (ROOT / "services", ROOT / "feedback_app")
    code = [path.read_text(encoding="utf-8") for part in parts for path in part.rglob("*.py")]
    acts = {act for source in code for act in _RECORDED.findall(source)}
    assert len(acts) > 12
    acts |= {*STATE_ACTS.values(), *REVIEW_ACTS.values(), RETRAIN, CHANGED_POLICIES}
    assert acts | {PromotionKind.ROLLBACK, PromotionKind.REINSTATE} == set(ACTS)


def test_what_was_done_to_a_persona_is_said_in_the_language_of_the_page(visitor: Visitor):
    visitor.sign_in(Role.CURATOR)
    page = "/p/pirate/curate"
    visitor.submit(visitor.get(page), f"{page}/state", state="paused", reason="x")
    visitor.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "de"
    assert "pausiert durch account:Ada" in visitor.get(page).text
