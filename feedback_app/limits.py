"""How often one may ask, say something, or try a password: per rater, per address, per persona.

Counted in the database (or in the Redis that RATE_LIMITS_URL names), so that every process knows. What comes
from this machine itself has no limit by address: that is whoever runs the service, or a proxy that nobody
told us about (PROXIES), behind which everybody would be one.
"""

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import ClassVar

from flask import Flask, current_app, request
from limits import RateLimitItem, parse
from limits.storage import Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from feedback_app import known_browsers
from feedback_app.rate_counters import TableStorage
from feedback_app.signing_in import current_member
from services.db.session import SingleEngine
from services.domain.feedback import RaterId
from services.errors.outages import TooOften
from services.settings import Settings


@dataclass(frozen=True, slots=True)
class Limits:
    """Each by the name it has in the settings."""

    KEY: ClassVar[str] = "limits"
    NAMES: ClassVar[tuple[str, ...]] = (
        "asks_per_rater",
        "asks_per_address",
        "asks_per_persona",
        "feedback_per_rater",
        "feedback_per_address",
        "calls_per_client",
        "wrong_passwords_per_address",
        "wrong_passwords_per_name",
    )

    counters: FixedWindowRateLimiter
    by_name: Mapping[str, RateLimitItem]


def install(app: Flask, settings: Settings, engine: SingleEngine) -> None:
    """Raises ValueError for a limit that is written as none is."""
    by_name = {name: _read(name, getattr(settings, name)) for name in Limits.NAMES}
    app.extensions[Limits.KEY] = Limits(FixedWindowRateLimiter(_storage(settings, engine)), by_name)


def count_ask(rater: RaterId, persona: str) -> None:
    """Raises TooOften."""
    _count_address("asks_per_address")
    count_asked(rater, persona)


def count_asked(rater: RaterId, persona: str) -> None:
    """As `count_ask`, for whom a client speaks: the address is the client's. Raises TooOften."""
    _count("asks_per_rater", str(rater))
    _count("asks_per_persona", persona)


def count_saying(rater: RaterId) -> None:
    """A rating, a correction, a comment. Raises TooOften.

    Counted before it is looked at, so a cookie of before an account does not use up what the account may say.
    """
    _count_address("feedback_per_address")
    _count("feedback_per_rater", f"{rater} {'account' if current_member() else 'cookie'}")


def count_said(rater: RaterId) -> None:
    """As `count_saying`, for whom a client speaks. Raises TooOften."""
    _count("feedback_per_rater", str(rater))


def count_call(client: int) -> None:
    """Anything that a client asks of the API. Raises TooOften."""
    _count("calls_per_client", str(client))


def refuse_guessing(name: str) -> None:
    """Raises TooOften where this address, or anybody under this name, gave wrong passwords too often."""
    for limit, whose in _guessing(name):
        if not _limits().counters.test(_limits().by_name[limit], limit, whose):
            raise _too_often(limit, whose)


def count_wrong_password(name: str) -> None:
    for limit, whose in _guessing(name):
        _limits().counters.hit(_limits().by_name[limit], limit, whose)


def _guessing(name: str) -> tuple[tuple[str, str], ...]:
    """Passwords are guessed from the machine itself as well: here loopback is an address like others."""
    return (
        ("wrong_passwords_per_address", _place_of(request.remote_addr or "") or "this machine"),
        ("wrong_passwords_per_name", known_browsers.whose_guess(name)),
    )


def _count(limit: str, whose: str) -> None:
    if not _limits().counters.hit(_limits().by_name[limit], limit, whose):
        raise _too_often(limit, whose)


def _count_address(limit: str) -> None:
    place = _place_of(request.remote_addr or "")
    if place:
        _count(limit, place)


def _place_of(written: str) -> str:
    """What is counted as one address: of IPv6 the network that one customer has, and what a proxy wrote that
    is no address as it stands; nothing for this machine itself.
    """
    try:
        address = ip_address(re.sub(r"^\[(.*)\](:\d+)?$|^([\d.]+):\d+$", r"\1\3", written))
    except ValueError:
        return written
    if address.is_loopback:
        return ""
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


def _too_often(limit: str, whose: str) -> TooOften:
    ends_at = _limits().counters.get_window_stats(_limits().by_name[limit], limit, whose).reset_time
    return TooOften(max(1, math.ceil(ends_at - time.time())))


def _limits() -> Limits:
    found: Limits = current_app.extensions[Limits.KEY]
    return found


def _storage(settings: Settings, engine: SingleEngine) -> Storage:
    if settings.rate_limits_url is None:
        return TableStorage(engine)
    storage = storage_from_string(settings.rate_limits_url.get_secret_value())
    if not isinstance(storage, Storage):
        raise TypeError("the counters of limits are no asynchronous ones")
    return storage


def _read(name: str, written: str) -> RateLimitItem:
    try:
        return parse(written)
    except ValueError as error:
        raise ValueError(f"{name} is {written!r}: write a limit such as 60/minute.") from error
