"""What is sealed opens with its key, for its row, and for nothing else."""

from __future__ import annotations

import re

import pytest

from registry import masking
from storage import sealing
from storage.errors import SealError
from storage.sealing import Seals, new_key
from storage.views.seals import masked, whole

NUMBER = "+8613812340001"
OLD, NEW = new_key(), new_key()


def test_a_text_comes_back_and_is_never_the_same_twice() -> None:
    seals = Seals([OLD])
    one, two = (seals.seal("person.phone", "p-1", NUMBER) for _ in range(2))
    assert one != two
    assert seals.open("person.phone", "p-1", one) == seals.open("person.phone", "p-1", two) == NUMBER
    assert NUMBER not in one
    assert re.fullmatch(r"sealed:1:[0-9a-f]{8}:person\.phone:[A-Za-z0-9+/]+=*", one)


@pytest.mark.parametrize(("column", "row"), [("person.phone", "p-2"), ("person.address", "p-1"), ("person.phone", "p")])
def test_it_opens_in_no_other_row_or_column(column: str, row: str) -> None:
    sealed = Seals([OLD]).seal("person.phone", "p-1", NUMBER)
    with pytest.raises(SealError, match="belongs to another row"):
        Seals([OLD]).open(column, row, sealed)


def test_a_row_and_a_column_cannot_be_taken_for_another_pair() -> None:
    sealed = Seals([OLD]).seal("twilio_event.said", "a/b:c", NUMBER)
    with pytest.raises(SealError):
        Seals([OLD]).open("twilio_event.said:a/b", "c", sealed)


@pytest.mark.parametrize("place", [-1, -5, 30])
def test_a_changed_letter_is_noticed(place: int) -> None:
    sealed = Seals([OLD]).seal("person.phone", "p-1", NUMBER + "00")
    changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + (sealed[place:][1:])
    with pytest.raises(SealError):
        Seals([OLD]).open("person.phone", "p-1", changed)


def test_what_was_never_sealed_is_not_taken_for_something_that_was() -> None:
    with pytest.raises(SealError, match="is not sealed: run `shouwang migrate`") as told:
        Seals([OLD]).open("person.phone", "p-1", NUMBER)
    assert NUMBER not in str(told.value)


def test_with_two_keys_the_newest_seals_and_both_open_and_find() -> None:
    before, after = Seals([OLD]), Seals([NEW, OLD])
    old, new = before.seal("person.phone", "p", NUMBER), after.seal("person.phone", "p", NUMBER)
    assert after.open("person.phone", "p", old) == after.open("person.phone", "p", new) == NUMBER
    assert (old.startswith(after.current), new.startswith(after.current)) == (False, True)
    assert after.indexes(NUMBER) == [after.index(NUMBER), before.index(NUMBER)]
    with pytest.raises(SealError, match=f"sealed with the key {after.keys[0]}, which is not here"):
        before.open("person.phone", "p", new)


def test_an_index_is_the_same_for_the_same_number_and_key_only() -> None:
    assert Seals([OLD]).index(NUMBER) == Seals([OLD]).index(NUMBER)
    assert len({Seals([OLD]).index(NUMBER), Seals([NEW]).index(NUMBER), Seals([OLD]).index("+8613812340002")}) == 3


@pytest.mark.parametrize(
    "text",
    ["", "sk1_", "sk1_short", OLD[4:], OLD + "A", "sk1_" + "?" * 43, "secret-" * 8],
    ids=["nothing", "begun", "short", "headless", "long", "strange", "words"],  # the same in every process
)
def test_what_is_no_key_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(SealError, match="make one with `shouwang key create`") as told:
        Seals([text])
    assert not text or text not in str(told.value)


def test_keys_are_neither_shown_nor_needed_for_nothing() -> None:
    seals = Seals([OLD])
    assert OLD[4:] not in repr(seals) + repr(vars(seals))
    before = sealing.held()
    sealing.hold(None)
    try:
        assert (sealing.sealed("a.b", "r", None), sealing.sealed("a.b", "r", "")) == (None, "")
        assert (sealing.opened("a.b", "r", None), sealing.opened("a.b", "r", "")) == (None, "")
        assert (sealing.indexed(None), sealing.indexed("")) == (None, None)
        with pytest.raises(SealError, match="`shouwang key create`"):
            sealing.sealed("a.b", "r", "x")
    finally:
        sealing.hold(before)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (NUMBER, "+86138****0001"),
        ("+12025550101", "+120****0101"),
        ("+862363801234", "+8623****1234"),
        ("12345678", "****5678"),
        ("1234567", "****"),
        ("", ""),
    ],
)
def test_of_a_number_the_middle_is_hidden(number: str, shown: str) -> None:
    assert masking.phone(number) == shown
    assert masking.phone(shown) == shown


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("和平路12号3栋501", "和平路****"),
        ("通远门社区 12 号楼 3 单元 5-2", "通远门社区****"),
        ("中山路第十二号", "中山路****"),
        ("幸福里甲楼二单元", "幸福里****"),
        ("桂花园社区3-7-4", "桂花园社区****"),
        ("解放路１２号", "解放路****"),
        ("三里屯路 A座", "三里屯路****"),
        ("12号院", "****"),
        ("老王家", "****"),
        ("1 West Street", "**** West Street"),
        ("Flat B, 12a High Street, Springfield", "Flat ****, **** High Street, Springfield"),
        ("Rose Cottage", "****"),
        ("4401-17", "****"),
        ("", ""),
    ],
)
def test_of_an_address_the_door_is_hidden(place: str, shown: str) -> None:
    assert masking.address(place) == shown
    assert masking.address(shown) == shown


def test_of_a_messenger_only_its_kind_is_shown() -> None:
    assert masking.messenger("wecombot://key:secret@host") == "wecombot://****"
    assert masking.messenger("secret") == "****"


@pytest.mark.parametrize(
    ("text", "home", "shown"),
    [
        ("守望：请上门看望。地址：和平路12号。请接受。", "和平路12号", "守望：请上门看望。地址：和平路****。请接受。"),
        ("守望：请上门看望。地址：和平路12号。请接受。", "新街1号", "守望：请上门看望。地址：****"),
        ("Please visit. Address: 1 West Street. Reply 4.", "", "Please visit. Address: ****"),
        ("打13812340001，或 +8613812340001", "", "打138****0001，或 +86138****0001"),
        ("No use since 2026-11-22 14:30, 0.012 m³", "", "No use since 2026-11-22 14:30, 0.012 m³"),
    ],
)
def test_of_a_message_numbers_and_the_door_are_hidden(text: str, home: str, shown: str) -> None:
    assert masking.message(text, home) == shown


def test_a_row_is_masked_or_whole_and_only_beside_its_own_id() -> None:
    phone = sealing.sealed("person.phone", "p-1", NUMBER)
    home = sealing.sealed("household.address", "h-1", "和平路12号")
    row = {"id": "p-1", "phone": phone, "household": "h-1", "address": home, "people": [{"id": "p-1", "phone": phone}]}
    assert masked(row) == {
        "id": "p-1",
        "phone": "+86138****0001",
        "household": "h-1",
        "address": "和平路****",
        "people": [{"id": "p-1", "phone": "+86138****0001"}],
    }
    assert (whole(row)["phone"], whole(row)["address"]) == (NUMBER, "和平路12号")
    moved = {"id": "p-2", "phone": phone, "note": "sealed:1:what somebody typed", "other": "sealed:1:"}
    assert masked(moved) == whole(moved) == {**moved, "phone": "****"}
