"""Taking out of an answer the words by which it names itself, so that who compares judges the answer alone.

What goes: labels of versions (`pirate@0a1b2c3d4e5f`, `pirate/v0012`), the names it is given (base models), a
number of a version that it says it is ("As version 12"), being a model of somebody's ("As an AI model by X",
"I was trained by X"). Each becomes MARK, which holds no word.

What it does not do: it reads these phrases in English alone; it leaves names that nobody gave it, a number of
a version of something else ("Windows version 11"), and whatever somebody can tell a version by who knows how
it speaks. Markers of a persona are style and stay. Stored texts stay as they are: this is for showing.
"""

import re
from collections.abc import Collection
from functools import lru_cache

MARK = "[…]"
SHORTEST_NAME = 4  # letters and digits; what is shorter is an ordinary word too often

_MADE = r"(?:made|created|built|developed|trained|designed|tuned|fine-tuned|programmed)"
_MODEL = r"(?:AI|A\.I\.|artificial intelligence|language|large|chat|model|assistant|system|chatbot|bot|LLM)"
_IAM = r"(?:as|being|I am|I['\u2019]m|this is|we are)"
# A name: a word, and those after it that begin with a capital.
_WHO = r"(?:the\s+)?[^\s,.;:!?]+(?-i:(?:\s+[A-Z][^\s,.;:!?]*)*)"
# In each, what is to stay is the group `keep`.
_PHRASES = tuple(
    re.compile(phrase, re.IGNORECASE)
    for phrase in (
        r"(?P<keep>)(?<![\w@/-])[\w-]+(?:@[0-9a-f]{12}|/v\d{4,})(?![\w@/-])",
        rf"(?P<keep>(?<!\w){_IAM}\s+(?:only\s+|just\s+|still\s+)?)(?:the\s+|a\s+|your\s+)?"
        r"(?:(?:adapter|model|persona)\s+)?(?:version|release|checkpoint|v)\.?\s*(?:number\s+|no\.?\s*)?"
        r"\d+(?:\.\d+)*(?!\w)",
        r"(?P<keep>(?<!\w)my\s+version(?:\s+number)?\s+is\s+)v?\d+(?:\.\d+)*(?!\w)",
        r"(?P<keep>)(?<!\w)version\s+\d+(?:\.\d+)*(?=\s+of\s+(?:me|myself|this\s+(?:model|persona|adapter))(?!\w))",
        rf"(?P<keep>(?<!\w){_IAM}\s+(?:only\s+|just\s+|merely\s+)?)(?:an?|the|your)\s+{_MODEL}(?:[\s-]+{_MODEL})*"
        rf"(?!\w)(?:,?\s+(?:that\s+was\s+|which\s+was\s+)?{_MADE}\s+by\s+{_WHO}|\s+(?:by|from)\s+{_WHO})?",
        rf"(?P<keep>(?<!\w)(?:I\s+was|I\s+am|I['\u2019]m|I['\u2019]ve\s+been|I\s+have\s+been)\s+{_MADE}\s+by\s+){_WHO}",
        rf"(?P<keep>(?<!\w)my\s+(?:creators?|makers?|developers?|trainers?)\s+(?:is|are|at|from)\s+){_WHO}",
    )
)


def scrub(text: str, names: Collection[str] = ()) -> str:
    """The text as it is shown to whoever compares; scrubbed again it stays the same.

    Of `names`, in any spelling of their spaces, hyphens and capitals, none is left but those that are shorter
    than SHORTEST_NAME.
    """
    named = _named(frozenset(names))
    while True:
        scrubbed = named.sub(MARK, text) if named else text
        for phrase in _PHRASES:
            scrubbed = phrase.sub(rf"\g<keep>{MARK}", scrubbed)
        if scrubbed == text:
            return text
        text = scrubbed  # what was taken out may have stood between the words of a phrase


def names_of_bases(configured: str) -> tuple[str, ...]:
    """What models call themselves of which hub names or folders are configured, separated by spaces."""
    return tuple(part for name in configured.split() for part in (name, name.rstrip("/").rpartition("/")[2]))


@lru_cache(maxsize=64)
def _named(names: frozenset[str]) -> re.Pattern[str] | None:
    spelt = [re.findall(r"[^\W_]+", name) for name in sorted(names, key=lambda name: (-len(name), name))]
    parts = [r"[\W_]?".join(map(re.escape, words)) for words in spelt if len("".join(words)) >= SHORTEST_NAME]
    return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)", re.IGNORECASE) if parts else None
