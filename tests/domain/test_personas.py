import pytest

from services.domain.personas import GenerationSettings, check_template, parse_slug
from services.errors.inputs import InvalidSlug, InvalidTemplate
from services.errors.tree import InvalidInput


@pytest.mark.parametrize("slug", ["../x", "", "a", "Pirate", "pi rate", "1st", "x" * 41, "a/b", "a\n", "é-a"])
def test_a_slug_that_could_be_a_path_is_refused(slug: str):
    with pytest.raises(InvalidSlug):
        parse_slug(slug)


def test_a_slug_of_letters_digits_and_hyphens_is_taken():
    assert parse_slug("sea-dog-2") == "sea-dog-2"


@pytest.mark.parametrize(
    "template", ["You know {secret}.", "{0}", "{", "{domain.__class__}", "{}", "{domain!r}", "{domain:>99}"]
)
def test_a_template_with_other_braces_is_refused(template: str):
    with pytest.raises(InvalidTemplate):
        check_template(template)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_new_tokens": 0},
        {"min_new_tokens": 300},
        {"temperature": 0.0},
        {"top_p": 1.5},
        {"repetition_penalty": 9.0},
    ],
)
def test_generation_settings_outside_their_range_are_refused(wrong: dict[str, float]):
    with pytest.raises(InvalidInput):
        GenerationSettings(**wrong)
