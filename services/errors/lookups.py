"""What was asked for does not exist. The tree is drawn in `tree`."""

from datetime import UTC, datetime

from services.errors.tree import NotFound


class UnknownPersona(NotFound):
    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(
            f"There is no persona {slug[:60]!r}: `persona-loop persona list` shows those there are."
        )


class UnknownAnswer(NotFound):
    def __init__(self, answer_id: object) -> None:
        self.answer_id = answer_id
        super().__init__("There is no such answer: open it again from your history.")


class UnknownOffer(NotFound):
    """No two answers were offered to this rater under this id, or one of them is gone."""

    def __init__(self, offer_id: object) -> None:
        self.offer_id = offer_id
        super().__init__("These two answers are not (or no longer) there to compare: take the next two.")


class NothingToCompare(NotFound):
    def __init__(self) -> None:
        super().__init__(
            "There is no other answer to this question beside which it could stand: ask the same once more."
        )


class UnknownVersion(NotFound):
    def __init__(self, slug: str, version: object) -> None:
        self.slug, self.version = slug, version
        super().__init__(
            f"Persona {slug!r} has no version {version}: `persona-loop versions {slug}` shows those it has."
        )


_SHOWN_BY = {  # where a person finds the one that was meant
    "training set": "`persona-loop training-set list` shows those there are",
    "gate decision": "`persona-loop status` shows the newest, `persona-loop ledger show` all carried out",
    "adapter version": "name a version's id, as `persona-loop train` and `persona-loop versions` print it",
    "training run of version": "name a version's id, as `persona-loop train` prints it, not its number",
    "evaluation report": "`persona-loop evaluate` prints the ids of those it makes",
    "file of references beside training set": "it is of an earlier release, so assemble and train another",
}
_NEWEST = "`persona-loop status` shows the newest ones"


class UnknownRecord(NotFound):
    """A training set, run, report or decision asked for by an id that does not exist."""

    def __init__(self, kind: str, record_id: object) -> None:
        self.kind, self.record_id = kind, record_id
        super().__init__(f"There is no {kind} {record_id}: {_SHOWN_BY.get(kind, _NEWEST)}.")


class NoTrainingSet(NotFound):
    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(f"Persona {slug!r} has no training set: `persona-loop assemble {slug}` makes one.")


class NotYetThere(NotFound):
    """A persona at an instant before it was created."""

    def __init__(self, slug: str, since: datetime) -> None:
        self.slug, self.since = slug, since
        super().__init__(
            f"Persona {slug!r} did not exist then: ask about an instant from its creation on, "
            f"{since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC."
        )


class UnknownItem(NotFound):
    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(
            "There is no such question among those that people judge: open the page of the decision again."
        )


class UnknownRater(NotFound):
    def __init__(self, rater: str) -> None:
        self.rater = rater
        super().__init__(
            f"There is no rater {rater[:60]}: `persona-loop why` names who said something, such as rating:12."
        )


class UnknownAccount(NotFound):
    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"There is no account {name[:60]!r}: `persona-loop account list` shows them all.")


class UnknownClient(NotFound):
    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"There is no client {name[:60]!r}: `persona-loop client list` shows them all.")


class UnknownPage(NotFound):
    def __init__(self) -> None:
        super().__init__(
            "No page of this list has this cursor: begin with the first page, and take the `next` of each."
        )


class UnknownErasure(NotFound):
    def __init__(self, rater: str) -> None:
        self.rater = rater
        super().__init__(
            f"Rater {rater[:60]} was not erased: `persona-loop rater erasures` names those who were."
        )


class UnknownSource(NotFound):
    """Something said that a person asked after, such as rating 12, and nobody said."""

    def __init__(self, kind: str, source_id: int) -> None:
        self.kind, self.source_id = kind, source_id
        super().__init__(
            f"There is no {kind} {source_id}: `persona-loop why ANSWER_ID` names those behind an answer."
        )
