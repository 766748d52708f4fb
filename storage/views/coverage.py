"""How many homes of an area are heard at this moment, and which areas have a shape on a map."""

from __future__ import annotations

from typing import Final

from storage.views import Row, View

# The areas right below one, and itself; '' is everywhere, with the largest areas the reader may see. Areas are codes,
# and one lies in another whose code its own begins with: in exactly one of each higher level, so that those right below
# are of the highest level there is.
SHOWN: Final = """
below AS MATERIALIZED (
    SELECT one.code, one.level, one.name,
           array_position(ARRAY['city', 'district', 'street', 'community'], one.level) AS rank
    FROM area one
    WHERE starts_with(one.code, %(area)s) AND one.code <> %(area)s AND starts_with(one.code, %(scope)s)
),
shown AS MATERIALIZED (
    SELECT code, level, name FROM below WHERE rank = (SELECT min(rank) FROM below)
    UNION ALL
    SELECT code, level, name FROM area WHERE code = %(area)s AND starts_with(code, %(scope)s)
)
"""

# A home is heard while each of its devices is: none is silent beyond what the rule allows it, none never reported, and
# no failure of a gateway, or of an area's radio or power, which holds back what is said of single devices, hides it.
# Few homes are not heard: these are looked up, and the others are what `area_home` counts beside them.
_COVERAGE = f"""
WITH {SHOWN},
cut_off AS MATERIALIZED (
    SELECT cause, source, area FROM incident
    WHERE ended_at IS NULL AND part_of IS NULL AND cause IN ('gateway', 'radio', 'power')
),
silent AS MATERIALIZED (
    SELECT household, area FROM device_trouble
    WHERE kind IN ('unheard', 'offline') AND starts_with(area, %(area)s) AND starts_with(area, %(scope)s)
    UNION
    SELECT h.id, h.area FROM cut_off JOIN device d ON d.gateway = cut_off.source JOIN household h ON h.id = d.household
    WHERE cut_off.cause = 'gateway' AND starts_with(h.area, %(area)s) AND starts_with(h.area, %(scope)s)
    UNION
    SELECT h.id, h.area FROM cut_off
    JOIN household h ON h.area ^@ cut_off.area
    JOIN device d ON d.household = h.id
    WHERE cut_off.cause IN ('radio', 'power') AND cut_off.area <> ''
      AND starts_with(h.area, %(area)s) AND starts_with(h.area, %(scope)s)
),
counted AS (
    SELECT area, homes, unequipped, 0 AS silent FROM area_home
    WHERE starts_with(area, %(area)s) AND starts_with(area, %(scope)s)
    UNION ALL
    SELECT area, 0, 0, count(*) FROM silent GROUP BY area
)
SELECT shown.code,
       coalesce(sum(counted.homes), 0)::integer AS homes,
       coalesce(sum(counted.unequipped), 0)::integer AS unequipped,
       coalesce(sum(counted.silent), 0)::integer AS silent
FROM shown LEFT JOIN counted ON starts_with(counted.area, shown.code)
GROUP BY shown.code
"""

COUNTS: Final = ("homes", "unequipped", "silent")
"""What `coverage` counts."""

_SHAPES = f"""
WITH {SHOWN}
SELECT shown.code, shown.name, shape.shape FROM shown JOIN area_shape shape ON shape.area = shown.code
ORDER BY shown.code
"""
_ANY_SHAPE = f"WITH {SHOWN} SELECT FROM shown JOIN area_shape shape ON shape.area = shown.code LIMIT 1"


def coverage(view: View, area: str) -> dict[str, Row]:
    """Return of an area ('' is everywhere, and has no entry) and of each right below it its homes, by code.

    `homes` is how many there are, `unequipped` how many of these have no device, `silent` how many have one that is
    not heard.
    """
    return {row["code"]: row for row in view.rows(_COVERAGE, area=area)}


def shapes(view: View, area: str) -> list[Row]:
    """Return the shapes (GeoJSON) of an area and of those right below it, by code; areas without one are left out."""
    return view.rows(_SHAPES, area=area)


def has_shapes(view: View, area: str) -> bool:
    """Whether an area or one right below it has a shape."""
    return view.row(_ANY_SHAPE, area=area) is not None
