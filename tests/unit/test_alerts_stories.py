"""The stories, told to a book in memory."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.alerts_stories")

from tests.alerts_memory import MemoryBook  # noqa: E402 - after its assertions were made to explain themselves
from tests.alerts_stories import Stories  # noqa: E402 - the same
from tests.alerts_world import ANSWER_FOR, NEIGHBOURS, PLACES, World  # noqa: E402 - the same


def memory_world() -> World:
    book = MemoryBook(dict(PLACES), dict(NEIGHBOURS), answers_for=dict(ANSWER_FOR))

    def leaves(household: str, start: int, end: int) -> None:
        book.absences.append((household, start, end))

    def works(household: str, start: int, end: int) -> None:
        book.work_announced.append((household, start, end))

    return World(book.opened, book, reads=book.newest.__setitem__, leaves=leaves, works=works)


class TestInMemory(Stories):
    @pytest.fixture
    def world(self) -> World:
        return memory_world()
