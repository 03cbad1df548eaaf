"""What raters, accounts and clients may not do. The tree is drawn in `tree`."""

from services.errors.tree import Refused


class NotTheAsker(Refused):
    def __init__(self) -> None:
        super().__init__("This answer belongs to another rater: open one of your own answers.")


class NotAllowed(Refused):
    """Nobody is signed in, or under an account whose role does not do this."""

    def __init__(self, needed: str, role: str = "") -> None:
        self.needed, self.role = needed, role
        whose = f"Your account is of a {role}" if role else "You are not signed in"
        super().__init__(
            f"{whose}, and this takes a {needed}: sign in with such an account at /sign-in, or ask an admin."
        )


class WrongPassword(Refused):
    def __init__(self) -> None:
        super().__init__("There is no account of this name with this password: look at both and try again.")


class AccountExists(Refused):
    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"There is already an account {name!r}: choose another name.")


class InvitationUnusable(Refused):
    """Unknown, used, withdrawn or too old; which of them is no matter of whoever holds it."""

    def __init__(self) -> None:
        super().__init__(
            "This invitation cannot be used (any more): ask whoever sent it for another, which is good for "
            "one person and seven days."
        )


class LastAdmin(Refused):
    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{name!r} is the only admin: make another account an admin first.")


class TokenUnusable(Refused):
    """None was shown, or one that is unknown or revoked; which of them is no matter of whoever shows it."""

    def __init__(self) -> None:
        super().__init__(
            "This needs the token of a client, as `Authorization: Bearer TOKEN`, and cookies are none: "
            "`persona-loop client create` makes one."
        )


class ScopeMissing(Refused):
    def __init__(self, scope: str, *, held: tuple[str, ...]) -> None:
        self.scope, self.held = scope, held
        super().__init__(
            f"This takes the scope {scope} and the token has {', '.join(held)}: ask for a client with it."
        )


class ClientExists(Refused):
    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"There is already a client {name!r}: choose another name, or give it another token with "
            f"`persona-loop client renew {name}`."
        )


class KeyReused(Refused):
    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(
            f"The Idempotency-Key {key[:60]!r} came with another request before: "
            "send this one under a key of its own."
        )


class NotAgreed(Refused):
    """Nothing is kept of whom nobody told what for, or whom an older wording told."""

    def __init__(self) -> None:
        super().__init__(
            "Nothing was saved yet: read what is kept of what you say and what for, tick the box that agrees "
            "to it, and save again."
        )


class TooLateToUndo(Refused):
    def __init__(self, said: str) -> None:
        self.said = said
        super().__init__(
            f"This {said} was saved more than a minute ago and is not undone any more: say it anew if you "
            "think otherwise now, the newest counts."
        )


class ReviewHeld(Refused):
    def __init__(self, holder: str, *, minutes: int) -> None:
        self.holder, self.minutes = holder, minutes
        super().__init__(
            f"{holder} looks at this feedback: wait until they are done, or {minutes} minutes if they went "
            "away."
        )


class ReviewNotHeld(Refused):
    def __init__(self) -> None:
        super().__init__(
            "You do not hold this feedback (any more), so nothing was decided: take it, look once more and "
            "decide again."
        )


class OwnWords(Refused):
    def __init__(self) -> None:
        super().__init__("You said this yourself, so somebody else has to decide on it.")


class ErasedMeanwhile(Refused):
    """A reason about the words of a rater who was erased: nothing would take it away again."""

    def __init__(self) -> None:
        super().__init__("Nothing was decided: whoever this is about was erased meanwhile.")
