"""What a password is kept as: made to be dear, and made anew once the library chooses other parameters."""

import argon2
import pytest
from argon2 import PasswordHasher
from argon2.profiles import RFC_9106_LOW_MEMORY

from services.accounts import passwords

PASSWORD = "correct horse battery"


def test_passwords_are_kept_with_the_parameters_of_the_library(
    dear_hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch
):
    cheap = passwords.hash_password(PASSWORD)
    monkeypatch.setattr(passwords, "_HASHER", dear_hasher)
    kept = passwords.hash_password(PASSWORD)
    assert argon2.extract_parameters(kept) == RFC_9106_LOW_MEMORY
    assert passwords.is_password(PASSWORD, kept)
    assert (passwords.outdated(cheap), passwords.outdated(kept)) == (True, False)
