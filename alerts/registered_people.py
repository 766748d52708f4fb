"""Whom an alert of a household concerns, by a registry: as `storage.alerts.people` finds them in the database.

Without schedules: nobody is on call, so that the duty officers stand for them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from alerts.people import Medium, People, Place, Recipient, Role
from registry.model import Household, Person, Registry


def neighbourhood(registry: Registry) -> Iterator[tuple[Place, People]]:
    """Yield every household in the order of their ids, with its people."""
    persons = {person.id: person for person in registry.people}
    residents: Mapping[str | None, list[Person]] = defaultdict(list)
    staff: Mapping[tuple[str, str], list[Person]] = defaultdict(list)
    contacts: Mapping[str, list[Person]] = defaultdict(list)
    for person in registry.people:  # both in the order of ids, contacts in that of positions
        if person.role == "resident":
            residents[person.household].append(person)
        elif person.area is not None:
            staff[person.role, person.area].append(person)
    for contact in registry.contacts:
        contacts[contact.household].append(persons[contact.person])
    for home in registry.households:
        caseworkers = [persons[home.caseworker]] if home.caseworker else _nearest(staff, "caseworker", home)
        yield (
            Place(home.id, home.area, home.zone, home.address),
            People(
                residents=_recipients(residents[home.id], Role.RESIDENT),
                contacts=_recipients(contacts[home.id], Role.CONTACT),
                caseworker=next(iter(_recipients(caseworkers, Role.CASEWORKER)), None),
                duty_officers=_recipients(_nearest(staff, "duty_officer", home), Role.DUTY_OFFICER),
            ),
        )


def _nearest(staff: Mapping[tuple[str, str], list[Person]], role: str, home: Household) -> list[Person]:
    """Return those of the smallest area around a household that has any."""
    for length in range(len(home.area), -1, -1):
        if found := staff.get((role, home.area[:length])):
            return found
    return []


def _recipients(people: list[Person], role: Role) -> tuple[Recipient, ...]:
    return tuple(
        Recipient(one.id, one.name, role, one.phone, one.language, Medium(one.channel), one.address) for one in people
    )
