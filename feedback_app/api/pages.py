"""Pages of lists: each names the next by a cursor, which is signed for the list and whoever reads it.

A cursor holds where the page before ended, so what is added meanwhile neither repeats nor hides anything.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer
from pydantic import BaseModel, ConfigDict, Field

from feedback_app.api.fields import Shown
from services.errors.lookups import UnknownPage

LARGEST = 100
Item = TypeVar("Item", bound=BaseModel)
Row = TypeVar("Row")


class PageQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: Annotated[int, Field(ge=1, le=LARGEST, description="How many items at most.")] = 50
    cursor: Annotated[
        str, Field(description="What the page before gave as `next`; empty: the first page.")
    ] = ""


class Page(Shown, Generic[Item]):
    """`next` is the cursor of the page after this one; null on the last."""

    items: list[Item]
    next: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which list a reader is: `after` is the last item seen, None at the beginning."""

    list_of: str
    limit: int
    after: str | None

    @classmethod
    def read(cls, query: PageQuery, *, list_of: str) -> "Place":
        """`list_of` is all that makes it this list and no other. Raises UnknownPage for a foreign cursor."""
        if not query.cursor:
            return cls(list_of, query.limit, None)
        try:
            after = _signer(list_of).loads(query.cursor)
        except BadSignature as error:
            raise UnknownPage from error
        return cls(list_of, query.limit, str(after))

    def page(
        self, rows: Sequence[Row], show: Callable[[Row], Item], *, named: Callable[[Row], object]
    ) -> Page[Item]:
        """Of rows that were read with `wanted` as their limit; `named` says which row it is, for a cursor."""
        here = rows[: self.limit]
        more = _signer(self.list_of).dumps(str(named(here[-1]))) if len(rows) > self.limit else None
        return Page(items=[show(row) for row in here], next=more)

    @property
    def wanted(self) -> int:
        """One row more than is shown tells whether there is another page."""
        return self.limit + 1


def _signer(list_of: str) -> URLSafeSerializer:
    return URLSafeSerializer(str(current_app.secret_key), salt=f"page of {list_of}")
