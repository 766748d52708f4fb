"""Every error of a registry's files at its exact place, with what to write instead."""

from __future__ import annotations

import pytest

from registry.csv_files import read_files
from registry.model import Area, Household, Person, Registry
from registry.refusals import RegistryFileError

HEADERS = {
    "areas": "code,level,name",
    "households": "id,area,zone,language,category,risk,address,caseworker,note",
    "people": "id,name,role,household,area,phone,language,channel",
    "contacts": "household,position,person,relation",
    "devices": "id,household,gateway,model",
    "absences": "household,starts,ends,reason",
}

KNOWN = Registry(
    areas=(
        Area("50", "city", "Chongqing"),
        Area("500103", "district", "Yuzhong"),
        Area("500103003", "street", "Qixinggang"),
    ),
    households=(Household("h1", "500103003", "Asia/Shanghai", "zh_CN", "elderly_alone", "high", caseworker="case"),),
    people=(
        Person("case", "Chen", "caseworker", None, "50", None, "zh_CN"),
        Person("res", "Wang", "resident", "h1", None, None, "zh_CN"),
    ),
)

HOUSEHOLD = "h2,500103003,Asia/Shanghai,zh_CN,other,low,,,"
PERSON = "p2,Li,contact,,,,zh_CN,sms"


def problems(known: Registry = KNOWN, /, **tables: str | bytes) -> list[str]:
    """Return the lines of the error that files raise; a text gets its table's header, bytes stand as they are."""
    files = {
        f"{table}.csv": rows if isinstance(rows, bytes) else f"{HEADERS[table]}\n{rows}".encode()
        for table, rows in tables.items()
    }
    with pytest.raises(RegistryFileError) as refused:
        read_files(files, known)
    return [str(problem) for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("table", "rows", "expected"),
    [
        # areas
        ("areas", ",city,X", "2: code: is empty; write an id"),
        ("areas", "51,town,X", '2: level: "town" is not a level; write city, district, street or community'),
        ("areas", "51,city,", "2: name: is empty; write a name"),
        (
            "areas",
            "510104,district,X",
            (
                '2: code: the district "510104" lies in no other area by its code, but must lie in one city; '
                "add what is missing or correct the code"
            ),
        ),
        (
            "areas",
            "500103004001,community,X",
            (
                '2: code: the community "500103004001" lies in the city "50", the district "500103" by its '
                "code, but must lie in one city, one district, one street; add what is missing or correct the code"
            ),
        ),
        (
            "areas",
            "501,city,X",
            (
                '2: code: the city "501" lies in the city "50" by its code, but must lie in no other area; '
                "add what is missing or correct the code"
            ),
        ),
        (
            "areas",
            "509901,street,X",
            (
                '2: code: the street "509901" lies in the city "50" by its code, but must lie in one city, '
                "one district; add what is missing or correct the code"
            ),
        ),
        # households
        (
            "households",
            "a/b,50,Asia/Shanghai,en,other,low,,,",
            '2: id: "a/b" holds "/"; write an id without blanks and without /, + and #',
        ),
        (
            "households",
            "h2,5001,Asia/Shanghai,en,other,low,,,",
            '2: area: "5001" is not a known area; write one of the codes in areas.csv, or add it there',
        ),
        (
            "households",
            "h2,50,Asia/Shangai,en,other,low,,,",
            '2: zone: "Asia/Shangai" is not a time zone; write Asia/Shanghai',
        ),
        (
            "households",
            "h2,50,Asia/Shanghai,mandarin,other,low,,,",
            '2: language: "mandarin" is not a language; write it as zh_CN, en or yue',
        ),
        (
            "households",
            "h2,50,Asia/Shanghai,en,old,low,,,",
            '2: category: "old" is not a category; write elderly_alone, disabled, relief or other',
        ),
        (
            "households",
            "h2,50,Asia/Shanghai,en,other,,,,",
            '2: risk: "" is not a risk; write low, medium or high',
        ),
        (
            "households",
            "h2,50,Asia/Shanghai,en,other,low,,nobody,",
            '2: caseworker: "nobody" is not a known person; write one of the ids in people.csv, or add it there',
        ),
        (
            "households",
            "h2,50,Asia/Shanghai,en,other,low,,res,",
            '2: caseworker: "res" is registered as resident; write the id of a caseworker',
        ),
        (
            "households",
            "h2,50,Asia/Shanghai,en,other,low,,,a\x01b",
            "2: note: holds the control character U+0001; remove it",
        ),
        ("households", f"{HOUSEHOLD}\n{HOUSEHOLD}", '3: id: "h2" is also on line 2; keep one of them'),
        # people
        ("people", "p2,,contact,,,,en,sms", "2: name: is empty; write a name"),
        (
            "people",
            "p2,Li,friend,,,,en,sms",
            '2: role: "friend" is not a role; write resident, contact, caseworker or duty_officer',
        ),
        (
            "people",
            "p2,Li,resident,,,,en,sms",
            "2: household: is empty; write the household of this resident",
        ),
        (
            "people",
            "p2,Li,resident,h1,50,,en,sms",
            '2: area: "50" is more than a resident has; leave it empty',
        ),
        ("people", "p2,Li,caseworker,,,,en,sms", "2: area: is empty; write the area of this caseworker"),
        (
            "people",
            "p2,Li,duty_officer,h1,50,,en,sms",
            '2: household: "h1" is more than a duty_officer has; leave it empty',
        ),
        (
            "people",
            "p2,Li,contact,h1,,,en,sms",
            '2: household: "h1" is more than a contact has; leave it empty',
        ),
        (
            "people",
            "p2,Li,resident,h9,,,en,sms",
            '2: household: "h9" is not a known household; write one of the ids in households.csv, or add it there',
        ),
        (
            "people",
            "p2,Li,caseworker,,51,,en,sms",
            '2: area: "51" is not a known area; write one of the codes in areas.csv, or add it there',
        ),
        (
            "people",
            "p2,Li,contact,,,12345,en,sms",
            '2: phone: "12345" is not a telephone number; write it as +8613123456789, or within CN as 131 2345 6789',
        ),
        ("people", "p2,Li,contact,,,,en,letter", '2: channel: "letter" is not a channel; write sms, call or message'),
        (
            "people",
            "case,Chen,contact,,,,en,sms",
            (
                '2: role: "contact" will not do: household "h1" has this '
                "person as its caseworker; name another one there first"
            ),
        ),
        # contacts
        (
            "contacts",
            "h9,1,res,",
            '2: household: "h9" is not a known household; write one of the ids in households.csv, or add it there',
        ),
        (
            "contacts",
            "h1,first,res,",
            '2: position: "first" is not a position; write 1 for who is asked first, 2 for the next',
        ),
        (
            "contacts",
            "h1,1,p9,",
            '2: person: "p9" is not a known person; write one of the ids in people.csv, or add it there',
        ),
        ("contacts", "h1,1,res,\nh1,1,case,", '3: position: "h1 1" is also on line 2; keep one of them'),
        ("contacts", "h1,1,res,\nh1,2,res,", '3: person: "h1 res" is also on line 2; keep one of them'),
        # devices
        (
            "devices",
            "d/1,h1,g1,",
            '2: id: "d/1" holds "/"; write an id without blanks and without /, + and #',
        ),
        (
            "devices",
            "d1,h9,g1,",
            '2: household: "h9" is not a known household; write one of the ids in households.csv, or add it there',
        ),
        ("devices", "d1,h1,,", "2: gateway: is empty; write an id"),
        ("devices", "d1,h1,g1,\nd2,h1,g1,\nd1,h1,g2,", '4: id: "d1" is also on line 2; keep one of them'),
        # absences
        (
            "absences",
            "h9,2026-05-01,2026-05-02,",
            '2: household: "h9" is not a known household; write one of the ids in households.csv, or add it there',
        ),
        (
            "absences",
            "h1,yesterday,2026-05-02,",
            (
                '2: starts: "yesterday" is not a time; write it as '
                "2026-05-01, 2026-05-01T08:00 or 2026-05-01T08:00+08:00"
            ),
        ),
        (
            "absences",
            "h1,2026-05-01,,",
            '2: ends: "" is not a time; write it as 2026-05-01, 2026-05-01T08:00 or 2026-05-01T08:00+08:00',
        ),
        (
            "absences",
            "h1,2026-05-02,2026-05-01,",
            (
                "2: ends: 2026-05-02T00:00:00+08:00 is not after its "
                "start, 2026-05-02T00:00:00+08:00; write a later time"
            ),
        ),
        (
            "absences",
            "h1,2026-05-01T08:00,2026-05-01T00:00Z,",
            (
                "2: ends: 2026-05-01T08:00:00+08:00 is "
                "not after its start, 2026-05-01T08:00:00+08:00; write a later time"
            ),
        ),
        (
            "absences",
            "h1,2026-05-01,2026-05-02,\nh1,2026-04-30T16:00Z,2026-05-03,",
            '3: starts: "h1 2026-04-30 16:00:00+00:00" is also on line 2; keep one of them',
        ),
        # rows
        (
            "devices",
            "d1,h1,g1",
            "2: has 3 cells where the first line has 4; write a comma for each empty cell",
        ),
        (
            "devices",
            "d1,h1,g1,DN15, Sensus",
            "2: has 5 cells where the first line has 4; put quotation marks around a cell that holds a comma",
        ),
    ],
)
def test_an_error_names_its_place_and_what_to_write(table: str, rows: str, expected: str) -> None:
    assert problems(KNOWN, **{table: rows}) == [f"{table}.csv:{expected}"]


def test_all_errors_of_all_files_are_collected_in_the_order_of_the_files() -> None:
    found = problems(
        devices="d 1,h1,g1,\nd2,h9,g#,",
        areas="51,town,",
        people="p2,Li,contact,,,1,en,post",
    )
    assert [line.split(" ")[0] + line.split(" ")[1] for line in found] == [
        "areas.csv:2:level:",
        "areas.csv:2:name:",
        "people.csv:2:phone:",
        "people.csv:2:channel:",
        "devices.csv:2:id:",
        "devices.csv:3:gateway:",
        "devices.csv:3:household:",
    ]


def test_a_hundred_errors_are_shown_and_the_others_counted() -> None:
    rows = "\n".join(f"d{number},h9,g1," for number in range(130))
    with pytest.raises(RegistryFileError) as refused:
        read_files({"devices.csv": f"{HEADERS['devices']}\n{rows}".encode()}, KNOWN)
    assert len(refused.value.problems) == 130
    lines = str(refused.value).splitlines()
    assert lines[0] == "nothing was imported; correct the files and import them again:"
    assert lines[1].startswith("devices.csv:2: household:")
    assert lines[100].startswith("devices.csv:101: household:")
    assert lines[101:] == ["… and 30 more; correct these first"]


def test_one_error_does_not_make_others_of_what_refers_to_it() -> None:
    found = problems(
        Registry(),
        areas="50,town,X\n500103,district,Y",
        households="h2,50,Mars,en,other,low,,p1,",
        people="p1,Li,caseworker,,50,12,en,sms\np2,Wang,resident,h2,,,en,sms",
        absences="h2,2026-05-01,2026-05-02,",
    )
    assert [line.split(" ")[0] + line.split(" ")[1] for line in found] == [
        "areas.csv:2:level:",
        "households.csv:2:zone:",
        "people.csv:2:phone:",
    ]


def test_a_file_that_cannot_be_read_does_not_make_others_wrong() -> None:
    found = problems(Registry(), areas=b"code,name\n", people="p1,Li,caseworker,,50,,en,sms")
    assert found == ['areas.csv:1: column "level" is missing; the first line must be code,level,name']


def test_an_area_put_above_known_ones_at_the_wrong_level_is_named() -> None:
    assert problems(areas="5001,district,X") == [
        (
            'areas.csv:2: code: "5001" would contain the district "500103", which is known already, at the wrong '
            "level; write another code or level"
        ),
        (
            'areas.csv:2: code: "5001" would contain the street "500103003", which is known already, at the wrong '
            "level; write another code or level"
        ),
    ]
    assert len(problems(areas="50,district,X")) == 3  # itself, and the two within it


def test_files_may_refer_to_one_another_and_to_what_is_known() -> None:
    registry = read_files(
        {
            "households.csv": f"{HEADERS['households']}\nh2,50,Asia/Shanghai,en,other,low,,p2,\n".encode(),
            "people.csv": f"{HEADERS['people']}\np2,Li,caseworker,,500103,,en,\n".encode(),
        },
        KNOWN,
    )
    assert registry.households[0].caseworker == "p2"
    assert registry.people == (Person("p2", "Li", "caseworker", None, "500103", None, "en", "sms"),)
    assert registry.areas == ()


def test_a_caseworker_may_be_replaced_and_reassigned_at_once() -> None:
    registry = read_files(
        {
            "households.csv": f"{HEADERS['households']}\nh1,50,Asia/Shanghai,en,other,low,,,\n".encode(),
            "people.csv": f"{HEADERS['people']}\ncase,Chen,contact,,,,en,\n".encode(),
        },
        KNOWN,
    )
    assert registry.people[0].role == "contact"
