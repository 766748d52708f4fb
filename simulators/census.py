"""Who and what is registered in a town: areas, households, people, contacts, devices, known absences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import phonenumbers

from registry.instants import MINUTE, to_datetime
from registry.model import (
    Absence,
    Area,
    Category,
    Contact,
    Device,
    Household,
    Person,
    PreferredChannel,
    Registry,
    Risk,
)  # fmt: skip
from simulators.chance import Floats, scattered
from simulators.events import TOWN_ZONE
from simulators.lives import midnight
from simulators.residents import Habits, trips

_T = TypeVar("_T")
_PEOPLE = 51
_HOMES_PER_COMMUNITY = 25

CITY = Area("9901", "city", "雾江市 Wujiang City")
"""No province of China has the code 99, and no city this name: the town is invented throughout."""
_DISTRICTS = (("01", "渡口区 Dukou District"), ("02", "云岭区 Yunling District"))
_STREETS = (
    (("001", "石桥街道 Shiqiao Street"), ("002", "黄葛街道 Huangge Street")),
    (("001", "梯坎街道 Tikan Street"), ("002", "茶亭街道 Chating Street")),
)
_COMMUNITIES = (
    ("和睦", "Hemu"), ("长乐", "Changle"), ("望江", "Wangjiang"), ("竹林", "Zhulin"), ("新桥", "Xinqiao"),
    ("松涛", "Songtao"), ("磨坊", "Mofang"), ("莲花", "Lianhua"), ("清泉", "Qingquan"), ("桂园", "Guiyuan"),
)  # fmt: skip
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_WOMEN = ("秀英", "桂英", "玉兰", "淑珍", "桂兰", "凤英", "素芬", "玉珍", "翠兰", "秀兰", "惠芳", "月娥")
_MEN = ("建国", "德明", "国强", "永福", "志明", "文华", "家富", "光荣", "正伦", "宗贵", "福生", "世杰")
_YOUNG = ("伟", "敏", "静", "磊", "丽", "军", "洋", "艳", "勇", "娟", "涛", "霞", "鹏", "琳")
_RELATIONS = ("daughter", "son", "neighbour", "niece", "friend")


@dataclass(frozen=True, slots=True)
class Census:
    """A town's registry, and the order in which its simulation numbers things."""

    registry: Registry
    households: tuple[str, ...]
    numbers: tuple[str, ...]
    """Of each household, such as `007`; devices are `wm-007`, `em-007`, `sd-007`."""
    communities: tuple[str, ...]
    """Code of each household's community."""
    gateways: tuple[str, ...]
    gateway_of: tuple[int, ...]
    """Per household."""


def census(seed: int, habits: Habits, first_day: int) -> Census:
    """Return who lives in a town whose first day is `first_day`.

    Telephone numbers are of the range that the North American plan keeps for fiction, NPA-555-0100 to 0199:
    China's plan has none, these are valid for the `phonenumbers` library, and nobody can be disturbed. There
    are some 45,000 of them; in a town of more people numbers repeat.
    """
    n = len(habits.who)
    width = max(3, len(str(n)))
    numbers = tuple(f"{at + 1:0{width}d}" for at in range(n))
    areas, codes = _areas(max(4, -(-n // _HOMES_PER_COMMUNITY)))
    homes = [at * len(codes) // max(n, 1) for at in range(n)]
    phones = _phones()
    staff, workers = _staff(seed, areas, phones)
    inhabited = sorted(set(homes))
    gateways = tuple(f"gw-{codes[home]}" for home in inhabited)
    names = {area.code: area.name for area in areas}
    households, people, contacts, devices = [], list(staff), [], []
    for at, number in enumerate(numbers):
        code = codes[homes[at]]
        draw = scattered(seed, _PEOPLE, at, np.arange(40))
        home = _household(number, code, names[code], workers[code], draw, alone=bool(habits.alone[at]))
        households.append(home)
        lives, cares, asked = _people(number, home.language, draw, phones, alone=bool(habits.alone[at]))
        people += lives + cares
        contacts += asked
        devices += [
            Device(f"{kind}-{number}", home.id, f"gw-{code}", model)
            for kind, model in (("wm", "LXS-15"), ("em", "DDZY102"), ("sd", "JTY-GD"))
        ]
    ids = tuple(home.id for home in households)
    registry = Registry(
        areas=tuple(areas), households=tuple(households), people=tuple(people), contacts=tuple(contacts),
        devices=tuple(devices), absences=_absences(seed, habits, ids, first_day),
    )  # fmt: skip
    return Census(
        registry, ids, numbers, tuple(codes[home] for home in homes), gateways,
        tuple(inhabited.index(home) for home in homes),
    )  # fmt: skip


def _areas(communities: int) -> tuple[list[Area], list[str]]:
    """Return all areas, and the codes of the communities; codes nest as those of GB/T 2260 and its successors do."""
    areas = [CITY]
    streets = []
    for (district, district_name), below in zip(_DISTRICTS, _STREETS, strict=True):
        areas.append(Area(CITY.code + district, "district", district_name))
        for street, street_name in below:
            streets.append(CITY.code + district + street)
            areas.append(Area(streets[-1], "street", street_name))
    codes = []
    for at in range(communities):
        turn, which = divmod(at, len(streets))
        chinese, pinyin = _COMMUNITIES[at % len(_COMMUNITIES)]
        again = at // len(_COMMUNITIES)
        name = f"{chinese}{again + 1 if again else ''}社区 {pinyin} Community" + (f" {again + 1}" if again else "")
        codes.append(f"{streets[which]}{turn + 1:03d}")
        areas.append(Area(codes[-1], "community", name))
    return areas, sorted(codes)


def _staff(seed: int, areas: list[Area], phones: Iterator[str]) -> tuple[list[Person], dict[str, str]]:
    people, workers = [], {}
    for at, area in enumerate(areas):
        draw = scattered(seed, _PEOPLE, -1, at, np.arange(4))
        name = _name(draw, _YOUNG)
        if area.level == "community":
            workers[area.code] = f"worker-{area.code}"
            people.append(_staffed(workers[area.code], name, area.code, phones, caseworker=True))
        else:
            people.append(_staffed(f"officer-{area.code}", name, area.code, phones, caseworker=False))
    return people, workers


def _staffed(key: str, name: str, area: str, phones: Iterator[str], *, caseworker: bool) -> Person:
    role, channel = ("caseworker", "sms") if caseworker else ("duty_officer", "call")
    return Person(key, name, role, None, area, next(phones), "zh_CN", channel)  # type: ignore[arg-type]


def _household(number: str, code: str, area: str, worker: str, draw: Floats, *, alone: bool) -> Household:
    category: Category = "elderly_alone" if alone and draw[0] < 0.8 else _pick(("disabled", "relief", "other"), draw[1])
    risk: Risk = _pick(("low", "low", "medium", "medium", "high"), draw[2])
    building, stair, floor, door = (1 + int(draw[k] * size) for k, size in ((3, 18), (4, 3), (5, 9), (6, 4)))
    address = f"{area.split(maxsplit=1)[0]}{building}栋{stair}单元{floor}{door:02d}室"
    return Household(
        f"household-{number}", code, TOWN_ZONE, "en" if draw[7] < 0.15 else "zh_CN", category, risk, address, worker
    )


def _people(
    number: str, language: str, draw: Floats, phones: Iterator[str], *, alone: bool
) -> tuple[list[Person], list[Person], list[Contact]]:
    home = f"household-{number}"
    lives, cares, contacts = [], [], []
    for k in range(1 if alone else 2):
        given = _WOMEN if (draw[8] < 0.62) == (k == 0) else _MEN
        lives.append(
            Person(
                f"resident-{number}-{k + 1}",
                _name(draw[10 + 3 * k :], given),
                "resident",
                home,
                None,
                next(phones),
                language,
                "call",
            )
        )
    for k in range(1 + int(draw[20] * 2.4)):
        relation = _pick(_RELATIONS if k else _RELATIONS[:3], draw[22 + 5 * k])
        tongue = "en" if draw[23 + 5 * k] < 0.1 else "zh_CN"
        channel: PreferredChannel = "call" if draw[24 + 5 * k] < 0.4 else "sms"
        key = f"contact-{number}-{k + 1}"
        cares.append(
            Person(key, _name(draw[25 + 5 * k :], _YOUNG), "contact", None, None, next(phones), tongue, channel)
        )
        contacts.append(Contact(home, k + 1, key, relation))
    return lives, cares, contacts


def _name(draw: Floats, given: tuple[str, ...]) -> str:
    return _SURNAMES[int(draw[0] * len(_SURNAMES))] + given[int(draw[1] * len(given))]


def _pick(choices: tuple[_T, ...], chance: float) -> _T:
    return choices[int(chance * len(choices))]


def _phones() -> Iterator[str]:
    while True:
        for area in range(201, 990):
            if phonenumbers.is_valid_number(phonenumbers.parse(f"+1{area}5550100")):
                yield from (f"+1{area}555{line:04d}" for line in range(100, 200))


def _absences(seed: int, habits: Habits, ids: tuple[str, ...], first_day: int) -> tuple[Absence, ...]:
    """Return the trips that somebody told of, from five weeks before the town's first day to fifteen after."""
    found = []
    for day in range(first_day - 35, first_day + 106, 28):
        trip = trips(seed, habits.who, day)
        for at in np.flatnonzero(trip.away & trip.known):
            starts = midnight(int(trip.first[at])) + int(trip.leaves[at]) * MINUTE
            ends = midnight(int(trip.last[at])) + int(trip.returns[at]) * MINUTE
            found.append(Absence(ids[at], to_datetime(starts), to_datetime(ends), "在家人处 staying with family"))
    return tuple(found)
