"""What one value of the registry may be: text in, canonical value out, or an error saying what to write."""

from __future__ import annotations

import difflib
import re
import unicodedata
import urllib.parse
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers

from registry.refusals import InvalidValueError

T = TypeVar("T")

LONGEST_ID, LONGEST_NAME = 200, 400
"""Characters; ids and names are indexed, also side by side, and an index row of PostgreSQL ends at 2.7 kB."""

_FORBIDDEN_IN_ID = re.compile(r"[\s/+#]")
_LANGUAGE = re.compile(r"([a-z]{2,3})(?:[-_]([a-z]{4}))?(?:[-_]([a-z]{2}|\d{3}))?", re.IGNORECASE)
_COORDINATES = re.compile(r"(-?\d{1,2}(?:\.\d{1,15})?)\s*,\s*(-?\d{1,3}(?:\.\d{1,15})?)", re.ASCII)
_LONGEST_SCHEME = 20
_ONLY_HERE = frozenset({"dbus", "glib", "gnome", "gtk", "kde", "macosx", "qt", "syslog", "windows"})
_WELL_KNOWN = (
    "mailto",
    "mailtos",
    "wecombot",
    "dingtalk",
    "feishu",
    "lark",
    "serverchan",
    "pushplus",
    "tgram",
    "slack",
)
_YEARS = range(1970, 2200)
_YEARS_SOMEWHERE = range(1969, 2201)  # the same in UTC, which may be a day off

# Of the machine, not of a place; or with leap seconds, which the rest of the house does not count.
_NO_ZONE = re.compile(r"localtime|posixrules|Factory|(?:posix|right)/.*")


def text(value: str) -> str:
    """Return free text without outer blanks, its lines ended by a line feed."""
    value = value.replace("\r\n", "\n").replace("\r", "\n").strip()
    for character in value:
        if unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t":
            raise InvalidValueError(f"holds the control character U+{ord(character):04X}; remove it")
    return value


def name(value: str) -> str:
    """Return text that is not empty, stands on one line and is no longer than an index can hold."""
    value = text(value)
    if not value:
        raise InvalidValueError("is empty; write a name")
    if "\n" in value:
        raise InvalidValueError("holds a line break; write the name on one line")
    if len(value) > LONGEST_NAME:
        raise InvalidValueError(f"has {len(value)} characters; write a name of at most {LONGEST_NAME}")
    return value


def identifier(value: str) -> str:
    """Return an id or code: not empty, no blanks and no `/`, `+` or `#`, which separate or match MQTT topics."""
    value = text(value)
    if not value:
        raise InvalidValueError("is empty; write an id")
    if found := _FORBIDDEN_IN_ID.search(value):
        what = "a blank" if found[0].isspace() else f'"{found[0]}"'
        raise InvalidValueError(f'"{value}" holds {what}; write an id without blanks and without /, + and #')
    if len(value) > LONGEST_ID:
        raise InvalidValueError(f"has {len(value)} characters; write an id of at most {LONGEST_ID}")
    return value


def coordinates(value: str) -> str:
    """Return degrees north and east (WGS 84) as `23.12911,113.26439`, to the metre; empty is where nobody knows."""
    value = value.strip()
    if not value:
        return ""
    found = _COORDINATES.fullmatch(value)
    north, east = (float(part) for part in found.groups()) if found else (91.0, 181.0)
    if abs(north) > 90 or abs(east) > 180:
        raise InvalidValueError(f'"{value}" is no place; write degrees north and east as 23.12911,113.26439')
    return f"{north:.5f},{east:.5f}"


def optional(check: Callable[[str], T]) -> Callable[[str], T | None]:
    """Return a check that takes an empty text as None."""
    return lambda value: check(value) if value.strip() else None


def choice(what: str, choices: tuple[str, ...], default: str | None = None) -> Callable[[str], str]:
    """Return a check for one of a few words; `default` stands for an empty text."""

    def check(value: str) -> str:
        value = value.strip()
        if not value and default is not None:
            return default
        if value not in choices:
            words = f"{', '.join(choices[:-1])} or {choices[-1]}"
            raise InvalidValueError(f'"{value}" is not a {what}; write {words}')
        return value

    return check


def position(value: str) -> int:
    """Return a place in an order, counted from 1."""
    value = value.strip()
    if not (value.isascii() and value.isdigit()) or not 1 <= int(value[:10]) < 2**31:
        raise InvalidValueError(f'"{value}" is not a position; write 1 for who is asked first, 2 for the next')
    return int(value)


def language(value: str) -> str:
    """Return a language tag (BCP 47: language, script, region) as catalogues are named: `zh_CN`, `en`, `yue`."""
    found = _LANGUAGE.fullmatch(value.strip())
    if not found:
        raise InvalidValueError(f'"{value.strip()}" is not a language; write it as zh_CN, en or yue')
    tongue, script, region = found.groups(default="")
    return "_".join(part for part in (tongue.lower(), script.title(), region.upper()) if part)


def zone(value: str) -> str:
    """Return the name of an IANA time zone."""
    value = value.strip()
    if _NO_ZONE.fullmatch(value) or not _is_zone(value):
        near = _near_zones(value)
        instead = " or ".join(near) if near else "an IANA zone such as Asia/Shanghai"
        raise InvalidValueError(f'"{value}" is not a time zone; write {instead}')
    return value


def _is_zone(value: str) -> bool:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # unknown, no such path, or a folder of zones
        return False
    return True


def _near_zones(value: str) -> list[str]:
    by_folded = {known.casefold(): known for known in available_timezones()}
    wanted = value.casefold().replace(" ", "_")
    for folded, known in by_folded.items():
        if wanted and wanted in (folded, folded.rpartition("/")[2]):
            return [known]
    return [by_folded[near] for near in difflib.get_close_matches(wanted, sorted(by_folded), 3, 0.85)]


def phone(region: str) -> Callable[[str], str]:
    """Return a check for telephone numbers, which gives E.164.

    `region` (ISO 3166, `CN`) is the country whose national form is taken as well. Extensions are refused: a
    message or call could not reach them.
    """
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    if example is None:
        raise InvalidValueError(f'"{region}" is not a country; write its two letters, such as CN')
    forms = (phonenumbers.PhoneNumberFormat.E164, phonenumbers.PhoneNumberFormat.NATIONAL)
    world, local = (phonenumbers.format_number(example, form) for form in forms)

    def check(value: str) -> str:
        value = value.strip()
        try:
            number = phonenumbers.parse(value, region)
        except phonenumbers.NumberParseException:
            number = None
        if number is None or number.extension or not phonenumbers.is_valid_number(number):
            raise InvalidValueError(
                f'"{value}" is not a telephone number; write it as {world}, or within {region} as {local}'
            )
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

    return check


def moment(value: str) -> date | datetime:
    """Return an ISO 8601 date or time.

    A time with an offset comes out in UTC; one without stays naive until its household's zone is known.
    """
    value = value.strip()
    found: date | datetime | None = None
    for parse in (date.fromisoformat, datetime.fromisoformat):
        try:
            found = parse(value)
            break
        except ValueError:
            continue
    if found is None:
        raise InvalidValueError(
            f'"{value}" is not a time; write it as 2026-05-01, 2026-05-01T08:00 or 2026-05-01T08:00+08:00'
        )
    years = _YEARS
    if isinstance(found, datetime) and found.tzinfo is not None and found.year in _YEARS_SOMEWHERE:
        found, years = found.astimezone(UTC), _YEARS_SOMEWHERE
    if found.year not in years:
        raise InvalidValueError(f'"{value}" is out of range; write a year from {_YEARS[0]} to {_YEARS[-1]}')
    return found


def instant(when: date | datetime, zone: str, *, end: bool) -> datetime:
    """Return a date or time as an instant in UTC; what has no offset is meant in `zone`.

    A date that begins something means its first moment, one that ends something its last: away from the 1st to
    the 5th includes the 5th.
    """
    if not isinstance(when, datetime):
        when = datetime.combine(when + timedelta(days=1) if end else when, time.min)
    if when.tzinfo is None:
        when = when.replace(tzinfo=ZoneInfo(zone))
    return when.astimezone(UTC)


def not_after(ends: datetime, starts: datetime, zone: str) -> str | None:
    """Return what to say where an absence does not end after it starts, None where it does."""
    if starts < ends:
        return None
    end, start = (when.astimezone(ZoneInfo(zone)).isoformat() for when in (ends, starts))
    return f"{end} is not after its start, {start}; write a later time"


def message_address(value: str) -> str:
    """Return where messages go: an Apprise URL, or the https:// address of a webhook. Errors show its beginning only.

    What would show a message on this computer, or write it into its log, is none: nobody would see it there.
    """
    value = text(value)
    scheme, found, rest = value.partition("://")
    shown = (
        f'"{scheme}://…"' if found and scheme.replace("+", "").isalnum() and len(scheme) <= _LONGEST_SCHEME else "it"
    )
    if not found or not rest or any(character.isspace() for character in value):
        raise InvalidValueError(
            "is no address of a messenger; write an Apprise URL such as mailto://… or wecombot://…, or https://… of a "
            "program"
        )
    if scheme.lower() == "http":
        raise InvalidValueError(f"{shown} is not encrypted; write https://")
    if scheme.lower() == "https":
        return _web_address(value, shown)
    if scheme.lower() in _ONLY_HERE:
        raise InvalidValueError(f"{shown} stays on this computer, where nobody sees it; write another address")
    import apprise  # noqa: PLC0415 - knows a hundred services and takes its time; only few registries need it

    apprise.logger.propagate = False  # it would write what it cannot read, key and all, into the log
    if apprise.Apprise.instantiate(value) is None:
        near = difflib.get_close_matches(scheme.lower(), _WELL_KNOWN, 1)
        hint = f"did you mean {near[0]}://" if near and near[0] != scheme.lower() else "look its form up"
        raise InvalidValueError(
            f"{shown} with what follows is no address that Apprise knows; {hint} (docs/channels.md)"
        )
    return value


def _web_address(value: str, shown: str) -> str:
    try:
        parts = urllib.parse.urlsplit(value)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise InvalidValueError(f"{shown} names no server; write https://server/path")
    if parts.username is not None or parts.fragment:
        raise InvalidValueError(f"{shown} holds a password or a #; webhooks are signed instead, write neither")
    return value
