"""Which device belongs where and which sensor is which: what an engine keeps in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from registry.instants import to_micros
from registry.model import Area, Device, Household, Registry
from registry.quantities import BY_LABEL, Quantity
from registry.refusals import UnknownDeviceError
from registry.shards import WHOLE, Shard
from registry.sheets import sheets
from storage.registry.tables import save, take_turn

_VERSION = "SELECT version FROM registry_version"

_DIRECTORY = """
SELECT
    device.id, device.gateway, household.id, household.zone, household.area,
    household.category = 'disabled' AND household.risk = 'high',
    sensor.quantity, sensor.id
FROM device
JOIN household ON household.id = device.household
LEFT JOIN sensor ON sensor.device = device.id
WHERE (%(shards)s = 1 OR shard_of(household.id, %(shards)s) = %(shard)s)
    AND (%(sensors)s::int[] IS NULL OR device.id IN (SELECT device FROM sensor WHERE id = ANY(%(sensors)s::int[])))
ORDER BY device.id COLLATE "C", sensor.id
"""
_CHUNK = 20_000
"""Rows read at a time: of a million sensors not all can be in memory twice."""

_ABSENCES = "SELECT household, starts, ends FROM absence ORDER BY household, starts"
_PLACES = "SELECT code FROM area ORDER BY code"

_FIND_SENSORS = """
SELECT sensor.device, sensor.quantity, sensor.id
FROM sensor
JOIN unnest(%(device)s::text[], %(quantity)s::text[]) AS told (device, quantity) USING (device, quantity)
"""

# Only what was not found is inserted, so that no id is drawn in vain: ids index the columns of SensorTable.
_ADD_SENSORS = """
INSERT INTO sensor (device, quantity)
SELECT * FROM unnest(%(device)s::text[], %(quantity)s::text[])
ON CONFLICT (device, quantity) DO NOTHING
"""

_FIND_DEVICES = "SELECT id FROM device WHERE id = ANY(%s::text[])"
_FIND_HOUSEHOLDS = "SELECT id FROM household WHERE id = ANY(%s::text[])"
_FIND_AREA = "SELECT code FROM area WHERE code = %s"

RECORDINGS = Area("recordings", "city", "Recordings")
"""Where households stand that are known from a recording only."""


class DirectoryRow(NamedTuple):
    """A device, the gateway that may speak for it, the household it watches, and the ids of its sensors.

    `dependent` says that somebody's life there hangs on the supply: the household is `disabled` at risk `high`.
    """

    device: str
    gateway: str
    household: str
    zone: str
    area: str
    dependent: bool
    sensors: dict[Quantity, int]


def version(conn: Connection[Any]) -> int:
    """Return a number that counts up with every change of the registry; new sensors do not count."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_VERSION).fetchone()
    assert row is not None, "migration 0001 inserts the row"  # noqa: S101 (an invariant of the schema)
    return int(row[0])


def directory(
    conn: Connection[Any], shard: Shard = WHOLE, sensors: Sequence[int] | None = None
) -> Iterator[DirectoryRow]:
    """Yield every device of a shard by id, or those that some `sensors` belong to; read them all, or close it.

    Ask for `version` before: a change in between then shows as a newer version.
    """
    asked = {"shards": shard.of, "shard": shard.number, "sensors": sensors}
    same: dict[str, str] = {}  # what many devices share is one object
    one = same.setdefault
    row: DirectoryRow | None = None
    with conn.transaction(), conn.cursor(name="directory", row_factory=tuple_row) as cursor:
        cursor.execute(_DIRECTORY, asked)
        while rows := cursor.fetchmany(_CHUNK):
            for device, gateway, home, zone, area, dependent, label, sensor in rows:
                if row is None or row.device != device:
                    if row is not None:
                        yield row
                    shared = one(gateway, gateway), one(home, home), one(zone, zone), one(area, area)
                    row = DirectoryRow(device, *shared, dependent, {})
                if label is not None:
                    row.sensors[BY_LABEL[label]] = sensor
    if row is not None:
        yield row


def known_absences(conn: Connection[Any]) -> dict[str, list[tuple[int, int]]]:
    """Return all registered absences by household, each [starts, ends) in microseconds UTC."""
    found: dict[str, list[tuple[int, int]]] = {}
    with conn.cursor(row_factory=tuple_row) as cursor:
        for household, starts, ends in cursor.execute(_ABSENCES):
            found.setdefault(household, []).append((to_micros(starts), to_micros(ends)))
    return found


def places(conn: Connection[Any]) -> list[str]:
    """Return the codes of all areas."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        return [code for (code,) in cursor.execute(_PLACES)]


def add_sensors(conn: Connection[Any], pairs: Iterable[tuple[str, Quantity]]) -> dict[tuple[str, Quantity], int]:
    """Return the ids of sensors (device, quantity), which come into being where they are new.

    Two callers with the same pairs at the same time get the same ids.

    Raises:
        UnknownDeviceError: a device is not registered; nothing was added.
    """
    wanted = sorted(set(pairs))  # in one order, so that two callers cannot wait for each other
    with conn.transaction():
        found = _sensors(conn, wanted)
        missing = [pair for pair in wanted if pair not in found]
        if missing:
            devices = {device for device, _ in missing}
            unknown = devices - _present(conn, _FIND_DEVICES, devices)
            if unknown:
                raise UnknownDeviceError(min(unknown))
            conn.execute(_ADD_SENSORS, _columns(missing))
            found |= _sensors(conn, missing)
    return found


def _sensors(conn: Connection[Any], pairs: list[tuple[str, Quantity]]) -> dict[tuple[str, Quantity], int]:
    with conn.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_FIND_SENSORS, _columns(pairs))
        return {(device, BY_LABEL[label]): sensor for device, label, sensor in rows}


def _columns(pairs: list[tuple[str, Quantity]]) -> dict[str, list[str]]:
    return {
        "device": [device for device, _ in pairs],
        "quantity": [Quantity(quantity).label for _, quantity in pairs],
    }


def _present(conn: Connection[Any], find: str, keys: Iterable[str]) -> set[str]:
    with conn.cursor(row_factory=tuple_row) as cursor:
        return {key for (key,) in cursor.execute(find, [list(keys)])}


def ensure_recorded_devices(conn: Connection[Any], devices: Iterable[str], zone: str, gateway: str) -> int:
    """Register the devices of a recording that have no entry, each as a household of its own; return how many.

    The household has the device's id and stands in the area `recordings`; if one of that id is registered, the
    device joins it. Devices that are registered stay as they are.

    Raises:
        InvalidEntryError: an id, the zone or the gateway is not what the registry can hold.
    """
    wanted = sorted(set(devices))
    with conn.transaction():
        take_turn(conn)
        known = _present(conn, _FIND_DEVICES, wanted)
        missing = [device for device in wanted if device not in known]
        if not missing:
            return 0
        homes = _present(conn, _FIND_HOUSEHOLDS, missing)
        sheet = {of.table: of for of in sheets()}
        new_homes = tuple(
            sheet["households"].canonical(Household(device, RECORDINGS.code, zone, "en", "other", "low"))
            for device in missing
            if device not in homes
        )
        new_devices = tuple(sheet["devices"].canonical(Device(device, device, gateway)) for device in missing)
        with conn.cursor() as cursor:
            here = cursor.execute(_FIND_AREA, [RECORDINGS.code]).fetchone()
        areas = () if here or not new_homes else (RECORDINGS,)
        save(conn, Registry(areas=areas, households=new_homes, devices=new_devices))
    return len(missing)
