"""Names and codes of languages, as imported files spell them; any other is no language to judge apart."""

_CODES = (
    "af ar az be bg bn bs ca cs cy da de el en eo es et eu fa fi fr ga gl gu he hi hr hu hy id is it "
    "ja ka kk km kn ko la lo lt lv mk ml mn mr ms mt my nb ne nl nn no pa pl ps pt ro ru si sk sl so "
    "sq sr sv sw ta te th tl tr uk ur uz vi yo zh zu"
)
_NAMES = (
    "afrikaans albanian arabic armenian azerbaijani basque belarusian bengali bosnian bulgarian burmese "
    "catalan chinese croatian czech danish dutch english esperanto estonian finnish french galician georgian "
    "german greek gujarati hebrew hindi hungarian icelandic indonesian irish italian japanese kannada kazakh "
    "khmer korean lao latin latvian lithuanian macedonian malay malayalam maltese marathi mongolian nepali "
    "norwegian pashto persian polish portuguese punjabi romanian russian serbian sinhala slovak slovene "
    "slovenian somali spanish swahili swedish tagalog tamil telugu thai turkish ukrainian urdu uzbek "
    "vietnamese welsh yoruba zulu"
)
_KNOWN = frozenset(f"{_CODES} {_NAMES}".split())


def is_language(text: str) -> bool:
    """Whether it is an English name or a code of ISO 639-1, with or without a region ("pt-BR")."""
    return text.casefold().partition("-")[0] in _KNOWN
