"""What the fields of requests are made of: texts that can be stored, names that fit into a header."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from services.db.feedback_tables import CommentRow, CorrectionRow
from services.domain.conversation import CONTEXT_LIMIT, LABEL_LIMIT, QUESTION_LIMIT, check_said
from services.domain.feedback import COMMENT_LIMIT, CORRECTION_LIMIT
from services.errors.tree import InvalidInput
from services.feedback.journals import Kept

_STORABLE = r"^[^\u0000]*$"
# As Python strips white space: more of it than the expressions of JSON schemas know.
_SAYING_SOMETHING = r"^[^\u0000]*[^\s\u0000\u001c-\u001f\u0085][^\u0000]*$"


def _whole(given: object) -> object:
    return int(given) if isinstance(given, float) and given.is_integer() else given


Whole = BeforeValidator(_whole)  # JSON has one kind of number: 4.0 is the integer 4


class Body(BaseModel):
    """Nothing is taken that is not named, and nothing made of what it is not."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Shown(BaseModel):
    model_config = ConfigDict(frozen=True)


class TextShown(Shown):
    """Something that was said in writing; `taken_back_at` is from when on it does not count."""

    id: int
    answer_id: UUID
    text: str
    created_at: datetime
    taken_back_at: datetime | None

    @classmethod
    def of(cls, kept: Kept[CommentRow] | Kept[CorrectionRow]) -> Self:
        row, taken_back_at = kept
        return cls(
            id=row.id,
            answer_id=row.answer_id,
            text=row.text,
            created_at=row.created_at,
            taken_back_at=taken_back_at,
        )


def _checked(limit: int, *, required: bool = True) -> AfterValidator:
    def check(text: str) -> str:
        try:
            return check_said("text", text, limit=limit, required=required)
        except InvalidInput as error:
            raise ValueError(str(error)) from error

    return AfterValidator(check)


def _described(limit: int, pattern: str = _SAYING_SOMETHING) -> Callable[[dict[str, Any]], None]:
    """As the check has it: what a schema allows is not refused for how it is written."""

    def describe(schema: dict[str, Any]) -> None:
        schema |= {"maxLength": limit, "pattern": pattern}

    return describe


QuestionText = Annotated[str, _checked(QUESTION_LIMIT), Field(json_schema_extra=_described(QUESTION_LIMIT))]
BetterText = Annotated[str, _checked(CORRECTION_LIMIT), Field(json_schema_extra=_described(CORRECTION_LIMIT))]
CommentText = Annotated[str, _checked(COMMENT_LIMIT), Field(json_schema_extra=_described(COMMENT_LIMIT))]
Label = Annotated[str, _checked(LABEL_LIMIT), Field(json_schema_extra=_described(LABEL_LIMIT))]
Context = Annotated[
    str,
    _checked(CONTEXT_LIMIT, required=False),
    Field(json_schema_extra=_described(CONTEXT_LIMIT, _STORABLE)),
]
Visible = Annotated[str, Field(pattern=r"^[!-~]{1,128}$")]  # a word that passes through any header


class Acting(Body):
    """The header of every request in somebody's name."""

    end_user: Annotated[Visible, Field(alias="End-User", description="Your own opaque id of whom this is.")]


class Keyed(Acting):
    """The headers of every request that writes."""

    key: Annotated[
        Visible,
        Field(
            alias="Idempotency-Key",
            description="Your own id of this request: sent again under it within a week, it counts once.",
        ),
    ]


class NoQuery(Body):
    pass
