"""What people correct on a household's page: its note, and an absence that ended early or was a mistake."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import scalar_row

from registry import checks
from registry.errors import RegistryError
from registry.refusals import InvalidEntryError, InvalidValueError, UnknownHouseholdError
from storage.registry.tables import take_turn

LONGEST_NOTE = 4000
"""Characters."""

_NOTE = "SELECT note FROM household WHERE id = %s FOR UPDATE"
_WRITE_NOTE = "UPDATE household SET note = %s WHERE id = %s"
_CALL_OFF = "DELETE FROM absence WHERE id = %(id)s AND household = %(household)s AND starts >= %(now)s"
_COME_BACK = """
UPDATE absence SET ends = %(now)s
WHERE id = %(id)s AND household = %(household)s AND starts < %(now)s AND ends > %(now)s
"""


class NoteChangedError(RegistryError):
    """Somebody else has changed the note meanwhile: read it anew, then add yours."""

    def __init__(self) -> None:
        super().__init__(str(self.__doc__))


def write_note(conn: Connection[Any], household: str, note: str, *, was: str) -> None:
    """Replace the note of a household, which its writer knew as `was`.

    Raises:
        InvalidEntryError: it holds what the registry cannot, or is too long.
        UnknownHouseholdError: the household is not registered.
        NoteChangedError: it is another one by now.
    """
    try:
        note, was = checks.text(note), checks.text(was)
    except InvalidValueError as error:
        raise InvalidEntryError("household", [("note", str(error))]) from error
    if len(note) > LONGEST_NOTE:
        raise InvalidEntryError("household", [("note", f"has {len(note)} characters; write at most {LONGEST_NOTE}")])
    with conn.transaction(), conn.cursor(row_factory=scalar_row) as cursor:
        take_turn(conn)
        present = cursor.execute(_NOTE, [household]).fetchone()
        if present is None:
            raise UnknownHouseholdError(household)
        if present != was:
            raise NoteChangedError
        if note != was:
            cursor.execute(_WRITE_NOTE, [note, household])


def end_absence(conn: Connection[Any], household: str, number: int, now: datetime) -> bool:
    """End an absence now, or take back one that has not begun; return False if there is none that could be ended."""
    about = {"id": number, "household": household, "now": now}
    with conn.transaction():
        take_turn(conn)
        return any(conn.execute(statement, about).rowcount for statement in (_CALL_OFF, _COME_BACK))
