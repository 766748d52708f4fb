"""One new entry at a time, as the REST API makes them: checked as a line of a file would be, never overwriting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from psycopg import Connection
from psycopg.rows import scalar_row

from registry import checks
from registry.model import Absence, Contact, Device, Household, Person, Registry
from registry.refusals import (
    AlreadyRegisteredError,
    InvalidEntryError,
    UnknownAreaError,
    UnknownEntryError,
    UnknownHouseholdError,
    UnknownPersonError,
)
from registry.sheets import Sheet, sheets
from storage.registry.tables import save, take_turn

_AREA = "SELECT true FROM area WHERE code = %s"
_HOUSEHOLD = "SELECT true FROM household WHERE id = %s"
_PERSON = "SELECT true FROM person WHERE id = %s"
_DEVICE = "SELECT true FROM device WHERE id = %s"
_CONTACT = "SELECT true FROM contact WHERE household = %s AND (position = %s OR person = %s)"
_ABSENCE = "SELECT true FROM absence WHERE household = %s AND starts = %s"
_ROLE = "SELECT role FROM person WHERE id = %s"
_ZONE = "SELECT zone FROM household WHERE id = %s"

_UNKNOWN: Mapping[str, tuple[str, type[UnknownEntryError]]] = {
    "areas": (_AREA, UnknownAreaError),
    "households": (_HOUSEHOLD, UnknownHouseholdError),
    "people": (_PERSON, UnknownPersonError),
}


def add_household(conn: Connection[Any], household: Household) -> Household:
    """Register a household and return it in canonical form.

    Raises:
        InvalidEntryError: a field holds what the registry cannot, or the caseworker is none.
        UnknownAreaError, UnknownPersonError: its area or caseworker is not registered.
        AlreadyRegisteredError: the id is taken.
    """
    sheet = _sheet("households")
    household = sheet.canonical(household)
    with conn.transaction():
        take_turn(conn)
        _refuse_unknown(conn, sheet, household)
        _refuse_taken(conn, sheet, _HOUSEHOLD, household.id)
        if household.caseworker and (role := _value(conn, _ROLE, household.caseworker)) != "caseworker":
            advice = f'"{household.caseworker}" is registered as {role}; write the id of a caseworker'
            raise InvalidEntryError("household", [("caseworker", advice)])
        save(conn, Registry(households=(household,)))
    return household


def add_person(conn: Connection[Any], person: Person, default_region: str = "CN") -> Person:
    """Register a person and return them in canonical form (the telephone number in E.164).

    Raises:
        InvalidEntryError: a field holds what the registry cannot, or the role wants another home or area.
        UnknownHouseholdError, UnknownAreaError: their household or area is not registered.
        AlreadyRegisteredError: the id is taken.
    """
    sheet = _sheet("people", default_region)
    person = sheet.canonical(person)
    with conn.transaction():
        take_turn(conn)
        _refuse_unknown(conn, sheet, person)
        _refuse_taken(conn, sheet, _PERSON, person.id)
        save(conn, Registry(people=(person,)))
    return person


def add_contact(conn: Connection[Any], contact: Contact) -> Contact:
    """Register whom to ask about a household and return it in canonical form.

    Raises:
        InvalidEntryError: a field holds what the registry cannot.
        UnknownHouseholdError, UnknownPersonError: the household or person is not registered.
        AlreadyRegisteredError: the position is taken, or the person is a contact of this household already.
    """
    sheet = _sheet("contacts")
    contact = sheet.canonical(contact)
    with conn.transaction():
        take_turn(conn)
        _refuse_unknown(conn, sheet, contact)
        _refuse_taken(conn, sheet, _CONTACT, contact.household, contact.position, contact.person)
        save(conn, Registry(contacts=(contact,)))
    return contact


def add_device(conn: Connection[Any], device: Device) -> Device:
    """Register a device and return it in canonical form; its sensors come into being as it reports them.

    Raises:
        InvalidEntryError: a field holds what the registry cannot.
        UnknownHouseholdError: its household is not registered.
        AlreadyRegisteredError: the id is taken.
    """
    sheet = _sheet("devices")
    device = sheet.canonical(device)
    with conn.transaction():
        take_turn(conn)
        _refuse_unknown(conn, sheet, device)
        _refuse_taken(conn, sheet, _DEVICE, device.id)
        save(conn, Registry(devices=(device,)))
    return device


def add_absence(conn: Connection[Any], absence: Absence) -> Absence:
    """Register an absence and return it, its times in UTC; naive ones are meant in the household's zone.

    Raises:
        InvalidEntryError: a field holds what the registry cannot, or it does not end after it starts.
        UnknownHouseholdError: its household is not registered.
        AlreadyRegisteredError: the household has an absence that starts at that moment.
    """
    sheet = _sheet("absences")
    absence = sheet.canonical(absence)
    with conn.transaction():
        take_turn(conn)
        _refuse_unknown(conn, sheet, absence)
        zone = str(_value(conn, _ZONE, absence.household))
        starts = checks.instant(absence.starts, zone, end=False)
        ends = checks.instant(absence.ends, zone, end=True)
        advice = checks.not_after(ends, starts, zone)
        if advice:
            raise InvalidEntryError("absence", [("ends", advice)])
        _refuse_taken(conn, sheet, _ABSENCE, absence.household, starts)
        absence = replace(absence, starts=starts, ends=ends)
        save(conn, Registry(absences=(absence,)))
    return absence


def _sheet(table: str, region: str = "CN") -> Sheet:
    return next(sheet for sheet in sheets(region) if sheet.table == table)


def _value(conn: Connection[Any], query: str, *key: object) -> object:
    with conn.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(query, key).fetchone()


def _refuse_unknown(conn: Connection[Any], sheet: Sheet, entry: object) -> None:
    for column, table in sheet.references.items():
        query, error = _UNKNOWN[table]
        key = getattr(entry, column)
        if key is not None and not _value(conn, query, key):
            raise error(key)


def _refuse_taken(conn: Connection[Any], sheet: Sheet, query: str, *key: object) -> None:
    if _value(conn, query, *key):
        raise AlreadyRegisteredError(sheet.what, " ".join(str(part) for part in key))
