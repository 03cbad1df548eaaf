"""Passwords: what is taken for one, and how it is kept (Argon2id, RFC 9106, the library's parameters)."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from services.errors.inputs import PasswordTooShort, TextTooLong

# Characters. NIST SP 800-63B-4, section 3.1.1.2: at least 15 where nothing else is asked for, and no limit
# below 64.
SHORTEST, LONGEST = 15, 256

_HASHER = PasswordHasher()


def hash_password(password: str) -> str:
    """Raises PasswordTooShort, TextTooLong."""
    if len(password) < SHORTEST:
        raise PasswordTooShort(SHORTEST)
    if len(password) > LONGEST:
        raise TextTooLong("password", length=len(password), limit=LONGEST)
    return _HASHER.hash(password)


def is_password(password: str, password_hash: str | None) -> bool:
    """Whether it is the password of this hash; never of None, and no faster."""
    try:
        _HASHER.verify(password_hash or _of_nobody(), password[: LONGEST + 1])
    except (VerifyMismatchError, InvalidHashError):
        return False
    return password_hash is not None


def outdated(password_hash: str) -> bool:
    """Whether it was made with other parameters than the library chooses now."""
    return _HASHER.check_needs_rehash(password_hash)


@cache
def _of_nobody() -> str:
    """Checked in place of an account that is not there: an unknown name takes as long as a wrong password."""
    return _HASHER.hash("nobody has this password")
