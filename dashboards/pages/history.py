"""`/alerts/{id}/timeline`, `/messages`, `/steps`: all that happened to an alert, page by page; its own page folds it.

An alert that nobody takes for two days has a thousand lines. What matters is how it began and what was last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from dashboards.access import Scoped
from dashboards.api.alerts import required
from dashboards.pages.frame import Framed
from dashboards.paging import Paged
from storage.views import Row, View, alerts


class _Read(Protocol):
    def __call__(self, view: View, alert: UUID, *, skip: int = 0, limit: int | None = None) -> list[Row]: ...


LISTS: Final[dict[str, _Read]] = {
    "timeline": alerts.timeline,
    "messages": alerts.notifications,
    "steps": alerts.steps,
}
KEPT: Final = {"timeline": (10, 20), "messages": (3, 7), "steps": (5, 10)}
"""How many of the first and of the last are shown on the alert's own page."""
_WORTH_IT: Final = 5
"""What would hide fewer lines than this is not folded."""


@dataclass(frozen=True, slots=True)
class Folded:
    """A list with how many of its middle are left out between `first` and `last`."""

    first: list[Row]
    between: int = 0
    last: tuple[Row, ...] = ()


def folded(view: View, alert: UUID) -> dict[str, Folded]:
    """Return what is shown of an alert's timeline, messages and steps."""
    return {name: _fold(view, alert, name, length) for name, length in alerts.lengths(view, alert).items()}


def _fold(view: View, alert: UUID, which: str, length: int) -> Folded:
    read, (first, last) = LISTS[which], KEPT[which]
    between = length - first - last
    if between < _WORTH_IT:
        return Folded(read(view, alert))
    return Folded(read(view, alert, limit=first), between, tuple(read(view, alert, skip=length - last)))


def router() -> APIRouter:
    """Return the pages that leave nothing out."""
    routes = APIRouter()

    @routes.get("/alerts/{alert_id}/{which}")
    def page(
        alert_id: UUID, which: Literal["timeline", "messages", "steps"], around: Framed, view: Scoped, paging: Paged
    ) -> Response:
        alert = required(view, alert_id)
        skip = paging.after(int) or 0
        rows = LISTS[which](view, alert_id, skip=skip, limit=paging.limit + 1)
        shown = paging.page(rows, lambda row: row, lambda _: skip + paging.limit)
        lengths = alerts.lengths(view, alert_id)
        return around.page(
            "history.html", alert=alert, which=which, rows=shown.items, next=shown.next, skip=skip, lengths=lengths
        )

    return routes
