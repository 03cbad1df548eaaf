"""What a person sent cannot be used as it is. The tree is drawn in `tree`."""

from services.errors.tree import InvalidInput


class InvalidSlug(InvalidInput):
    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(
            f"{slug[:60]!r} is not a persona slug: use 2 to 40 lower-case letters, digits and hyphens, "
            "starting with a letter."
        )


class EmptyText(InvalidInput):
    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__(f"The {field} is empty: write something in it and send it again.")


class TextTooLong(InvalidInput):
    def __init__(self, field: str, *, length: int, limit: int, unit: str = "characters") -> None:
        self.field, self.length, self.limit, self.unit = field, length, limit, unit
        super().__init__(
            f"The {field} has {length:,} {unit} and the limit is {limit:,}: shorten it and send it again."
        )


class PasswordTooShort(InvalidInput):
    def __init__(self, shortest: int) -> None:
        self.shortest = shortest
        super().__init__(
            f"The password is too short: take {shortest} characters or more, such as four words."
        )


class ForbiddenCharacter(InvalidInput):
    def __init__(self, field: str, character: str) -> None:
        self.field, self.character = field, character
        super().__init__(f"The {field} contains {character}, which cannot be stored: remove it.")


class CannotBeginWith(InvalidInput):
    def __init__(self, named: str, reason: str) -> None:
        self.named, self.reason = named, reason
        super().__init__(
            f"Nothing can begin with the adapter {named[:120]!r}: {reason}. Choose another, or a fresh one."
        )


class StarsOutOfRange(InvalidInput):
    def __init__(self, stars: int) -> None:
        self.stars = stars
        super().__init__(f"A rating of {stars} does not exist: choose 1, 2, 3, 4 or 5 stars.")


class AnswersNotComparable(InvalidInput):
    def __init__(self) -> None:
        super().__init__(
            "These are not two answers to one question: compare answers that stand side by side."
        )


class CorrectionUnchanged(InvalidInput):
    def __init__(self) -> None:
        super().__init__(
            "The better answer says what the answer says: change it, or give stars instead if it is good."
        )


class InvalidTemplate(InvalidInput):
    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The prompt template cannot be used ({reason}): it may contain {{domain}} and {{audience}} "
            "and no other braces."
        )


class AnswerNotInFormat(InvalidInput):
    def __init__(self, slug: str, instruction: str, problem: str) -> None:
        self.slug, self.instruction, self.problem = slug, instruction, problem
        super().__init__(
            f"The better answer is not in the format of {slug!r}, since {problem}: {instruction}"
        )


class NoRoute(InvalidInput):
    def __init__(self, slug: str, answer_format: str) -> None:
        self.slug, self.answer_format = slug, answer_format
        super().__init__(
            f"Nobody answers for {slug!r} in the format {answer_format!r}: ask without a format, or name a "
            f"persona of that format with `persona-loop persona route {slug} TARGET`."
        )


class InvalidRecord(InvalidInput):
    def __init__(self, line: int, reason: str) -> None:
        self.line, self.reason = line, reason
        super().__init__(f"Line {line} cannot be read ({reason}): correct it and import the file again.")


class InvalidFieldName(InvalidInput):
    def __init__(self, pair: str) -> None:
        self.pair = pair
        super().__init__(
            f"{pair[:60]!r} renames no field: write NAME=NAME OF THE FILE, such as question=title."
        )


class InvalidRecipe(InvalidInput):
    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The recipe cannot be composed: {reason}")


class InvalidGrid(InvalidInput):
    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"This grid cannot be tried: {reason}.")


class InvalidPolicy(InvalidInput):
    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The policy cannot be used: {reason}")


class InvalidOpinions(InvalidInput):
    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"These opinions cannot be reconciled ({reason}): read them from the journal again.")
