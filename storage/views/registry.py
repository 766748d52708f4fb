"""Who is watched and who cares, as lists: areas, households, people, devices, absences."""

from __future__ import annotations

from datetime import datetime

from storage.views import Row, View

_AREAS = """
SELECT code, level, name FROM area
WHERE starts_with(code, %(scope)s) AND (%(after)s::text IS NULL OR code > %(after)s)
ORDER BY code
LIMIT %(limit)s
"""

_AREA = "SELECT code, level, name FROM area WHERE code = %(code)s AND starts_with(code, %(scope)s)"

_HOUSEHOLDS = """
SELECT h.id, h.area, h.zone, h.language, h.category, h.risk, h.address, h.caseworker, h.note
FROM household h
WHERE starts_with(h.area, %(scope)s) AND starts_with(h.area, %(area)s)
  AND (%(id)s::text IS NULL OR h.id = %(id)s)
  AND (%(after)s::text IS NULL OR h.id > %(after)s)
ORDER BY h.id
LIMIT %(limit)s
"""

# Staff belong to an area, residents to a household, contacts to the households that name them. Where few homes are in
# scope these are asked who belongs to them; of many, everybody is gone through by id until a page is full.
_FEW = 20_000
_MANY = "SELECT coalesce(sum(homes), 0) > %(few)s AS many FROM area_home WHERE starts_with(area, %(scope)s)"
_PEOPLE = """
SELECT p.id, p.name, p.role, p.household, p.area, p.phone, p.language, p.channel, p.address
FROM {people} p
LEFT JOIN household home ON home.id = p.household
WHERE (%(scope)s = ''
       OR starts_with(p.area, %(scope)s)
       OR starts_with(home.area, %(scope)s)
       OR EXISTS (SELECT FROM contact c JOIN household h ON h.id = c.household
                  WHERE c.person = p.id AND starts_with(h.area, %(scope)s)))
  AND (%(role)s::text IS NULL OR p.role = %(role)s)
  AND (%(household)s::text IS NULL OR p.id = ANY (ARRAY(
       SELECT r.id FROM person r WHERE r.household = %(household)s
       UNION ALL SELECT c.person FROM contact c WHERE c.household = %(household)s)))
  AND (%(id)s::text IS NULL OR p.id = %(id)s)
  AND (%(after)s::text IS NULL OR p.id > %(after)s)
ORDER BY p.id
LIMIT %(limit)s
"""
_OF_MANY = _PEOPLE.format(people="person")
_OF_FEW = _PEOPLE.format(
    people="""(
    SELECT person.* FROM (
        SELECT id FROM people_in_scope()
        WHERE (%(role)s::text IS NULL OR role = %(role)s) AND (%(after)s::text IS NULL OR id > %(after)s)
        ORDER BY id
        LIMIT %(limit)s
    ) seen JOIN person USING (id)
)"""
)

# Somebody entered as a contact whom no household names yet belongs to no area, so anybody may name them first.
_NAMEABLE = """
SELECT true FROM person p
LEFT JOIN household home ON home.id = p.household
WHERE p.id = %(id)s
  AND (starts_with(coalesce(p.area, home.area, ''), %(scope)s)
       OR EXISTS (SELECT FROM contact c JOIN household h ON h.id = c.household
                  WHERE c.person = p.id AND starts_with(h.area, %(scope)s)))
UNION ALL
SELECT true WHERE named_by_nobody(%(id)s)
"""

_CONTACTS = """
SELECT c.household, c.position, c.person, c.relation
FROM contact c JOIN household h ON h.id = c.household
WHERE starts_with(h.area, %(scope)s)
  AND (%(household)s::text IS NULL OR c.household = %(household)s)
  AND (%(after_household)s::text IS NULL
       OR (c.household, c.position) > (%(after_household)s, %(after_position)s::integer))
ORDER BY c.household, c.position
LIMIT %(limit)s
"""

_DEVICES = """
SELECT d.id, d.household, d.gateway, d.model,
       ARRAY(SELECT s.device || '/' || s.quantity FROM sensor s WHERE s.device = d.id ORDER BY s.quantity) AS sensors
FROM device d JOIN household h ON h.id = d.household
WHERE starts_with(h.area, %(scope)s)
  AND (%(household)s::text IS NULL OR d.household = %(household)s)
  AND (%(gateway)s::text IS NULL OR d.gateway = %(gateway)s)
  AND (%(id)s::text IS NULL OR d.id = %(id)s)
  AND (%(after)s::text IS NULL OR d.id > %(after)s)
ORDER BY d.id
LIMIT %(limit)s
"""

_ABSENCES = """
SELECT b.id, b.household, b.starts, b.ends, b.reason
FROM absence b JOIN household h ON h.id = b.household
WHERE starts_with(h.area, %(scope)s)
  AND (%(household)s::text IS NULL OR b.household = %(household)s)
  AND (%(after)s::bigint IS NULL OR b.id > %(after)s)
ORDER BY b.id
LIMIT %(limit)s
"""

_ABSENCE = """
SELECT b.id, b.household, b.starts, b.ends, b.reason
FROM absence b JOIN household h ON h.id = b.household
WHERE starts_with(h.area, %(scope)s) AND b.household = %(household)s AND b.starts = %(starts)s
"""


def areas(view: View, *, limit: int, after: str | None = None) -> list[Row]:
    """Return areas by code, from behind `after` on."""
    return view.rows(_AREAS, limit=limit, after=after)


def area(view: View, code: str) -> Row | None:
    """Return one area, None where there is none or it is out of scope."""
    return view.row(_AREA, code=code)


def households(view: View, *, limit: int, area: str = "", after: str | None = None) -> list[Row]:
    """Return households by id, from behind `after` on."""
    return view.rows(_HOUSEHOLDS, limit=limit, area=area, id=None, after=after)


def household(view: View, household: str) -> Row | None:
    """Return one household, None where there is none or it is out of scope."""
    return view.row(_HOUSEHOLDS, limit=1, area="", id=household, after=None)


def people(
    view: View,
    *,
    limit: int,
    role: str | None = None,
    household: str | None = None,
    after: str | None = None,
) -> list[Row]:
    """Return people by id, from behind `after` on; of a household: its residents and its contacts."""
    many = household is not None or view.scope == "" or view.rows(_MANY, few=_FEW)[0]["many"]
    return view.rows(_OF_MANY if many else _OF_FEW, limit=limit, role=role, household=household, id=None, after=after)


def person(view: View, person: str) -> Row | None:
    """Return one person, None where there is none or they are out of scope."""
    return view.row(_OF_MANY, limit=1, role=None, household=None, id=person, after=None)


def nameable(view: View, person: str) -> bool:
    """Whether a person may be named as somebody's contact: they are in scope, or nobody has named them yet."""
    return view.row(_NAMEABLE, id=person) is not None


def contacts(
    view: View, *, limit: int, household: str | None = None, after: tuple[str, int] | None = None
) -> list[Row]:
    """Return whom to ask about households, in order, from behind `after` (household, position) on."""
    after_household, after_position = after or (None, None)
    return view.rows(
        _CONTACTS,
        limit=limit,
        household=household,
        after_household=after_household,
        after_position=after_position,
    )


def devices(
    view: View,
    *,
    limit: int,
    household: str | None = None,
    gateway: str | None = None,
    after: str | None = None,
) -> list[Row]:
    """Return devices by id with the sensors they have shown so far, from behind `after` on."""
    return view.rows(_DEVICES, limit=limit, household=household, gateway=gateway, id=None, after=after)


def device(view: View, device: str) -> Row | None:
    """Return one device, None where there is none or it is out of scope."""
    return view.row(_DEVICES, limit=1, household=None, gateway=None, id=device, after=None)


def absences(view: View, *, limit: int, household: str | None = None, after: int | None = None) -> list[Row]:
    """Return registered absences in the order they were entered, from behind `after` on."""
    return view.rows(_ABSENCES, limit=limit, household=household, after=after)


def absence(view: View, household: str, starts: datetime) -> Row | None:
    """Return the absence of a household that starts at a moment, None where there is none."""
    return view.row(_ABSENCE, household=household, starts=starts)
