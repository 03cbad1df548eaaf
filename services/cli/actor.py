"""Who moves a pointer by hand, as the ledger names them."""

import getpass


def actor() -> str:
    """The user of this machine."""
    return f"cli:{getpass.getuser()}"
