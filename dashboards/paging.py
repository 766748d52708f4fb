"""Lists in pages: `{"items": […], "next": URL or null}`, with a cursor that is nobody's business but ours."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Final, Generic, TypeVar

import msgspec
from fastapi import Depends, Query
from pydantic import BaseModel, Field
from starlette.requests import Request

from dashboards.problems import Refusal

MOST: Final = 500
USUAL: Final = 100

_T = TypeVar("_T")
_Row = TypeVar("_Row")


class Page(BaseModel, Generic[_T]):
    """One page of a list."""

    items: list[_T]
    next: str | None = Field(description="Address of the next page, null on the last", examples=[None])


class Paging:
    """How much is asked for, and from where on."""

    def __init__(
        self,
        request: Request,
        limit: Annotated[int, Query(ge=1, le=MOST, description="Most items on a page")] = USUAL,
        cursor: Annotated[
            str | None, Query(max_length=1000, description="From `next` of the page before; do not make one up")
        ] = None,
    ) -> None:
        self.limit = limit
        self._request = request
        self._cursor = cursor

    def after(self, shape: type[_T]) -> _T | None:
        """Return the key behind which this page begins, None on the first page.

        Raises:
            Refusal: (422) the cursor was not made by this list.
        """
        if self._cursor is None:
            return None
        try:
            packed = base64.b64decode(self._cursor.encode("ascii"), altchars=b"-_", validate=True)
            return msgspec.json.decode(packed, type=shape)
        except (ValueError, binascii.Error, UnicodeError, msgspec.MsgspecError) as error:
            raise Refusal(422, "query.cursor: take it from `next` of the page before, or leave it out") from error

    def page(self, rows: Sequence[_Row], item: Callable[[_Row], _T], key: Callable[[_Row], object]) -> Page[_T]:
        """Make a page of `limit` + 1 rows asked for: the last one only tells whether there is more."""
        shown = rows[: self.limit]
        more = len(rows) > self.limit
        return Page(items=[item(row) for row in shown], next=self.url(key(shown[-1])) if more else None)

    def url(self, key: object) -> str:
        """Return the address of the page that begins behind `key`, with the same filters."""
        packed = base64.urlsafe_b64encode(msgspec.json.encode(key)).decode("ascii")
        return str(self._request.url.include_query_params(cursor=packed))


Paged = Annotated[Paging, Depends()]
