"""Where in a text something private stands: one function a kind, from text to spans; no network, no model.

Candidates come from patterns that read a text once from left to right, whatever a hostile writer repeats in
it; kept libraries decide where form alone does not: python-phonenumbers what is a telephone number,
python-stdnum the check digits of cards and IBANs, detect-secrets what keys of well-known services look like.
Replacing is `privacy`'s.
"""

import ipaddress
import re
from collections.abc import Iterator
from functools import lru_cache

from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.stripe import StripeDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from detect_secrets.plugins.twilio import TwilioKeyDetector
from phonenumbers import Leniency, PhoneNumberMatcher
from stdnum import iban, luhn

Span = tuple[int, int]

# By form alone: a validator would let addresses at internal hosts through.
_EMAIL = re.compile(r"(?<![\w.%+-])\w[\w.%+'-]{0,63}+@(?:[\w-]{1,63}+\.){1,10}(?=[^\W\d])[\w-]{2,63}+")
_CREDENTIALS = re.compile(r"(?<=://)[^\s/?#@:]{0,128}+:[^\s/?#@]{1,256}+@[^\s/?#\"'<>()\[\],;]{1,255}+")

# Digits in up to eight groups of which hardly any is a single one.
_PHONE = re.compile(
    r"(?<![\w./-])(?<!\d,)(?:\+|\(\d{1,6}\)[ .\-/]{0,2})?\d{1,15}+"
    r"(?:[ \t\u00a0().\-/\u2013]{1,3}\d{2,12}+|[ .\-/]\d[ .\-/]\d{2,12}+){0,7}(?![\w-])"
)
_FEWEST_DIGITS, _MOST_DIGITS = 7, 17
# How a number begins or is grouped that is no quantity, date or identifier.
_NATIONAL = re.compile(r"\(?0(?![.,])|\(|(?:1[ .-])?\d{3}[ .-]\d{3}[ .-]\d{4}(?!\d)|\d{5} \d{5}(?!\d)")
# A number without its country is tried as one of these: the countries whose ways of grouping others share.
_COUNTRIES = ("US", "GB", "DE", "FR", "IT", "CH", "IN", "AU")

_CARD = re.compile(r"(?<![\w.,-])(?:[3-6]|2[2-7])(?:[ -]?\d){11,18}(?![\w-])")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d\d(?:[ -]?[A-Z0-9]){11,30}+", re.IGNORECASE)
_SHORTEST_IBAN = 15

# Not after "version" or a product's name and a slash: four numbers with points between are versions too.
_IPV4 = re.compile(r"(?<![\w.])(?<!ersion )(?<![A-Za-z]/)(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?=[A-Fa-f:]{0,16}\d)[\dA-Fa-f]{0,4}(?::[\dA-Fa-f]{0,4}){2,7}(?![\w:])")

_KEYS_OF_SERVICES = tuple(
    pattern
    for detector in (
        AWSKeyDetector,
        AzureStorageKeyDetector,
        DiscordBotTokenDetector,
        GitHubTokenDetector,
        GitLabTokenDetector,
        MailchimpDetector,
        PypiTokenDetector,
        SendGridDetector,
        SlackDetector,
        SquareOAuthDetector,
        StripeDetector,
        TelegramBotTokenDetector,
        TwilioKeyDetector,
    )
    for pattern in detector.denylist
)
# What those do not know, or know in a way that takes quadratic time.
_MORE_KEYS = (
    re.compile(r"(?<![\w-])sk-(?=[A-Za-z_-]{0,80}\d)[\w-]{20,}+"),
    re.compile(
        r"(?<!\w)(?:github_pat_|hf_|npm_|AIza|ya29\.|xapp-|xox[a-z]-|[srp]k_(?:live|test)_)[\w-]{20,}+"
    ),
    re.compile(r"(?<![\w-])eyJ[\w-]{5,}+={0,2}\.eyJ[\w-]{5,}+={0,2}(?:\.[\w-]*+)?"),
    re.compile(r"(?<=bearer\s)(?=[^\s\d]{0,64}\d)[\w.~+/-]{16,}+=*", re.IGNORECASE),
)
# To its last line, or, where that was cut off, to the last line that looks like one.
_PRIVATE_KEY = re.compile(
    r"-{4,5} ?BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)? ?-{4,5}"
    r"(?:(?:(?!-----)[\s\S])*+-----END [^-\n]{1,60}-----|(?:(?:\s|\\n)*+[A-Za-z0-9+/=]{16,}+)*+)"
)


def emails(text: str) -> Iterator[Span]:
    return (found.span() for found in _EMAIL.finditer(text))


def credentials(text: str) -> Iterator[Span]:
    """User, password and host of a URL that has them."""
    return (found.span() for found in _CREDENTIALS.finditer(text))


def phones(text: str) -> Iterator[Span]:
    for candidate in _PHONE.finditer(text):
        for start, end in _phones_of_candidate(candidate.group()):
            yield candidate.start() + start, candidate.start() + end


@lru_cache(maxsize=4_096)  # the library takes a fifth of a millisecond a country
def _phones_of_candidate(raw: str) -> tuple[Span, ...]:
    international = raw.startswith("+")
    if not international and not _NATIONAL.match(raw):
        return ()
    if not _FEWEST_DIGITS <= sum(character.isdigit() for character in raw) <= _MOST_DIGITS:
        return ()
    for country in _COUNTRIES[:1] if international else _COUNTRIES:
        matches = PhoneNumberMatcher(raw, country, leniency=Leniency.STRICT_GROUPING)
        if found := tuple((match.start, match.end) for match in matches):
            return found
    return ()


def cards(text: str) -> Iterator[Span]:
    for candidate in _CARD.finditer(text):
        if luhn.is_valid(re.sub("[ -]", "", candidate.group())):
            yield candidate.span()


def ibans(text: str) -> Iterator[Span]:
    for candidate in _IBAN.finditer(text):
        raw = candidate.group()
        for length in range(len(raw), _SHORTEST_IBAN - 1, -1):
            # Words may follow the number, and belong to the candidate until its check digits are right.
            if iban.is_valid(raw[:length], check_country=False):
                yield candidate.start(), candidate.start() + len(raw[:length].rstrip(" -"))
                break


def ip_addresses(text: str) -> Iterator[Span]:
    """Addresses of machines; this machine's own, no address and network masks identify nobody."""
    for pattern in (_IPV4, _IPV6):
        for candidate in pattern.finditer(text):
            try:
                address = ipaddress.ip_address(candidate.group())
            except ValueError:
                continue
            if not (address.is_loopback or address.is_unspecified or candidate.group().startswith("255.")):
                yield candidate.span()


def keys(text: str) -> Iterator[Span]:
    for pattern in (*_KEYS_OF_SERVICES, *_MORE_KEYS, _PRIVATE_KEY):
        yield from (found.span() for found in pattern.finditer(text))
