from services.domain.golden import GOLDEN, GOLDEN_DIGEST


def test_the_golden_prompts_are_those_of_before():
    """Another digest makes void all that is expected of versions in stores."""
    assert GOLDEN_DIGEST == "c06c8edca2368017c81266b7de90fcd2eeec332b26545ce6074e1f0c19eb03eb"


def test_they_are_few_and_all_different():
    assert 8 <= len(GOLDEN) <= 16
    assert (
        len({prompt.messages for prompt in GOLDEN}) == len({one.completion for one in GOLDEN}) == len(GOLDEN)
    )
