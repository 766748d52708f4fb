"""Numbers and addresses whole, for who has said why: each call is to be written on the audit trail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from storage.views import View

_HOME = """
SELECT h.id, h.id AS household, h.area, h.address AS text FROM household h
WHERE h.id = %(key)s AND starts_with(h.area, %(scope)s)
"""
# Whose contact somebody is, of the homes of the reader's area: they are seen for its sake.
_PERSON = """
SELECT p.id, p.phone, p.address, coalesce(p.area, h.area) AS area, h.id AS household
FROM person p
LEFT JOIN LATERAL (
    SELECT home.id, home.area FROM household home
    WHERE starts_with(home.area, %(scope)s)
      AND (home.id = p.household OR EXISTS (SELECT FROM contact c WHERE c.household = home.id AND c.person = p.id))
    ORDER BY home.id LIMIT 1
) h ON true
WHERE p.id = %(key)s AND (%(scope)s = '' OR starts_with(p.area, %(scope)s) OR h.id IS NOT NULL)
"""
_HOMES = "SELECT h.id, h.address FROM household h WHERE h.id = ANY(%(homes)s) AND starts_with(h.area, %(scope)s)"


class Revealed(NamedTuple):
    """A number or an address, and the household and area for whose sake it is seen."""

    text: str
    household: str | None
    area: str | None


def address(view: View, household: str) -> Revealed | None:
    """Return where a household is; None where there is no such household, or it is out of scope."""
    row = view.unmasked().row(_HOME, key=household)
    return None if row is None else Revealed(row["text"], row["household"], row["area"])


def phone(view: View, person: str) -> Revealed | None:
    """Return somebody's number, '' if they have none; None where there is no such person, or they are out of scope."""
    return _of_person(view, person, "phone")


def messenger(view: View, person: str) -> Revealed | None:
    """Return where messages to somebody go; likewise."""
    return _of_person(view, person, "address")


def addresses(view: View, households: Sequence[str]) -> dict[str, str]:
    """Return where households are, those of them that are in scope."""
    return {row["id"]: row["address"] for row in view.unmasked().rows(_HOMES, homes=list(households))}


def _of_person(view: View, person: str, column: str) -> Revealed | None:
    row = view.unmasked().row(_PERSON, key=person)
    return None if row is None else Revealed(row[column] or "", row["household"], row["area"])
