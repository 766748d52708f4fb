"""Devices as their integrators look at them: what is wrong with which, and what came through a gateway last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from storage.views import Row, View

PROBLEMS: Final[dict[str, tuple[str, ...]]] = {
    "silent": ("offline", "unheard"),
    "battery": ("battery",),
    "clock": ("clock",),
    "stuck": ("stuck",),
    "tamper": ("tamper",),
}
"""What can be wrong with a device, and the kinds of `device_trouble` that it is."""

_TROUBLED: Final = """
FROM device_trouble t
WHERE starts_with(t.area, %(scope)s) AND starts_with(t.area, %(area)s)
  AND (%(gateways)s::text[] IS NULL OR t.gateway = ANY (%(gateways)s))
  AND (%(gateway)s::text IS NULL OR t.gateway = %(gateway)s)
  AND (%(device)s::text IS NULL OR t.device ^@ %(device)s)
"""
# The page is cut before anything is looked up of a device.
_LIST: Final = f"""
SELECT t.device, t.kind, t.since, t.facts, t.gateway, d.model, t.household, h.zone, t.area,
       (SELECT name FROM area WHERE code = t.area) AS area_name
FROM (
    SELECT t.*
    {_TROUBLED}
      AND (%(kinds)s::text[] IS NULL OR t.kind = ANY (%(kinds)s))
    ORDER BY t.since DESC NULLS LAST, t.device, t.kind, t.rule
    LIMIT %(limit)s OFFSET %(offset)s
) t
JOIN device d ON d.id = t.device
JOIN household h ON h.id = t.household
ORDER BY t.since DESC NULLS LAST, t.device, t.kind, t.rule
"""
_COUNTS: Final = f"SELECT t.kind, count(*) AS devices {_TROUBLED} GROUP BY t.kind"

_GATEWAY: Final = """
SELECT count(*) AS devices, count(DISTINCT d.household) AS homes
FROM device d JOIN household h ON h.id = d.household
WHERE d.gateway = %(gateway)s AND starts_with(h.area, %(scope)s)
  AND (%(gateways)s::text[] IS NULL OR d.gateway = ANY (%(gateways)s))
"""
_OF_GATEWAY: Final = """
SELECT d.id, d.model, d.household, h.zone, h.area,
       ARRAY(SELECT t.kind FROM device_trouble t WHERE t.device = d.id ORDER BY t.kind) AS troubles
FROM device d JOIN household h ON h.id = d.household
WHERE d.gateway = %(gateway)s AND starts_with(h.area, %(scope)s)
  AND (%(gateways)s::text[] IS NULL OR d.gateway = ANY (%(gateways)s))
ORDER BY d.id
LIMIT %(limit)s OFFSET %(offset)s
"""
# Of devices already chosen, each by itself: an index leads to the last readings of its sensors.
_LAST: Final = """
SELECT d.id AS device, h.zone, last.quantity, last.time, last.value, last.use, last.heard_at
FROM device d JOIN household h ON h.id = d.household
CROSS JOIN LATERAL last_readings(d.id, %(most)s::integer) AS last
WHERE d.id = ANY (%(devices)s::text[]) AND starts_with(h.area, %(scope)s)
  AND (%(gateways)s::text[] IS NULL OR d.gateway = ANY (%(gateways)s))
ORDER BY coalesce(last.heard_at, last.time) DESC, last.time DESC, d.id, last.quantity
"""
_FAILED: Final = """
SELECT id, onset, homes FROM incident
WHERE cause = 'gateway' AND source = %(gateway)s AND ended_at IS NULL AND part_of IS NULL
  AND (starts_with(area, %(scope)s) OR starts_with(%(scope)s, area))
ORDER BY onset DESC
LIMIT 1
"""
_OWNERS: Final = """
SELECT d.id, d.gateway, d.household,
       ARRAY(SELECT s.quantity FROM sensor s WHERE s.device = d.id ORDER BY s.id) AS quantities
FROM device d JOIN household h ON h.id = d.household
WHERE d.id = ANY (%(devices)s::text[]) AND starts_with(h.area, %(scope)s)
  AND (%(gateways)s::text[] IS NULL OR d.gateway = ANY (%(gateways)s))
"""


def troubled(
    view: View,
    *,
    limit: int,
    offset: int = 0,
    problem: str | None = None,
    area: str = "",
    gateway: str | None = None,
    device: str | None = None,
) -> list[Row]:
    """Return what is wrong with devices now, what began last first, and those that never reported at the end.

    `problem` is one of `PROBLEMS`, `device` how its id begins.
    """
    kinds = None if problem is None else list(PROBLEMS[problem])
    chosen: dict[str, Any] = {"area": area, "gateway": gateway, "device": device}
    return view.rows(_LIST, **chosen, kinds=kinds, limit=limit, offset=offset)


def counts(view: View, *, area: str = "", gateway: str | None = None, device: str | None = None) -> dict[str, int]:
    """Return how many devices have each problem, by the same choice; none is left out."""
    by_kind = {row["kind"]: row["devices"] for row in view.rows(_COUNTS, area=area, gateway=gateway, device=device)}
    return {problem: sum(by_kind.get(kind, 0) for kind in kinds) for problem, kinds in PROBLEMS.items()}


def gateway(view: View, gateway: str) -> Row:
    """Return how many devices a gateway speaks for, and in how many homes; none of a gateway out of scope."""
    [row] = view.rows(_GATEWAY, gateway=gateway)
    return row


def of_gateway(view: View, gateway: str, *, limit: int, offset: int = 0) -> list[Row]:
    """Return the devices of a gateway by id, with the kinds of what is wrong with each."""
    return view.rows(_OF_GATEWAY, gateway=gateway, limit=limit, offset=offset)


def last_readings(view: View, devices: Sequence[str], *, most: int) -> list[Row]:
    """Return the last readings of devices, at most so many of each sensor, those heard last first."""
    return view.rows(_LAST, devices=list(devices), most=most)


def failure(view: View, gateway: str) -> Row | None:
    """Return the incident that keeps a gateway silent, None while there is none; vendors are not told."""
    return view.row(_FAILED, gateway=gateway) if view.gateways is None else None


def owners(view: View, devices: Sequence[str]) -> list[Row]:
    """Return those of some devices that are registered and in scope: whose they are, and what they have measured."""
    return view.rows(_OWNERS, devices=list(devices))
