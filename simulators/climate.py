"""The weather outside: temperature by season and hour, and when it is dark."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np

from simulators.chance import Floats, scattered

LATITUDE = 29.5
"""Degrees north: a town in the Sichuan basin."""
LONGITUDE = 106.5
"""Degrees east; its clocks show UTC+8, the time of 120° E, so its noon is 54 minutes late."""

_WEATHER = 21


def outdoor(seed: int, day: int, minute: Floats) -> Floats:
    """Return the temperature in °C at minutes of a local day (days since 1970).

    Two sinusoids (18.5 ± 10.5 °C over the year, warmest about 24 July; ± 3.5 °C over the day, warmest at
    15:00: the climate normals of Chongqing, rounded) and a few degrees of weather that differ from day to day.
    """
    weather = 5.0 * (scattered(seed, _WEATHER, day)[0] + scattered(seed, _WEATHER, day - 1)[0] - 1.0)
    year = 18.5 + 10.5 * math.cos(2 * math.pi * (_of_year(day) - 205) / 365.25)
    temperature: Floats = year + weather + 3.5 * np.cos(2 * math.pi * (minute - 900) / 1440)
    return temperature


def daylight(day: int) -> tuple[float, float]:
    """Return sunrise and sunset in minutes of the local day (declination after Cooper, Solar Energy 12, 1969)."""
    declination = math.radians(23.45) * math.sin(2 * math.pi * (284 + _of_year(day)) / 365)
    half = math.acos(-math.tan(math.radians(LATITUDE)) * math.tan(declination))
    noon = 720 + (120 - LONGITUDE) * 4
    return noon - math.degrees(half) * 4, noon + math.degrees(half) * 4


def _of_year(day: int) -> int:
    return (date(1970, 1, 1) + timedelta(days=day)).timetuple().tm_yday
