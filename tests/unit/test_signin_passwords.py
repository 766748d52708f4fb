"""What a password must be, and that it is kept as argon2id of its characters, however a keyboard writes them."""

from __future__ import annotations

import pytest

from dashboards.signin import passwords
from dashboards.words.languages import CHINESE, translator

GOOD = "correct horse battery"


@pytest.mark.parametrize(
    ("password", "name", "why"),
    [
        ("", "li.wei", "12 characters or more"),
        ("short-pass1", "li.wei", "12 characters or more"),
        ("x" * 201, "li.wei", "at most 200"),
        ("abababababab", "li.wei", "easy to guess"),
        ("123456789012", "li.wei", "easy to guess"),
        ("abcdefghijklm", "li.wei", "easy to guess"),
        ("fedcba987654", "li.wei", "easy to guess"),
        ("the Li.Wei of West Street", "li.wei", "leave your name out"),
    ],
)
def test_what_is_easy_to_guess_is_refused_and_in_chinese_too(password: str, name: str, why: str) -> None:
    flaw = passwords.flaw(password, name)
    assert flaw is not None
    assert why in flaw
    assert translator(CHINESE)(flaw) != flaw


@pytest.mark.parametrize("password", [GOOD, "水表电表烟感守望着独居的人", "kV7!mZ2#qL9?", "li has twelve"])
def test_length_is_enough(password: str) -> None:
    assert passwords.flaw(password, "li.wei") is None


def test_a_new_password_is_typed_twice_and_is_another_than_the_old() -> None:
    kept = passwords.hashed(GOOD)
    other = "another horse, another battery"
    assert passwords.refusal("li.wei", kept, other, other) is None
    for chosen, again, why in ((GOOD, GOOD, "the password you have"), (other, GOOD, "differ"), ("x", "x", "12")):
        refused = passwords.refusal("li.wei", kept, chosen, again)
        assert refused is not None
        assert why in refused
        assert translator(CHINESE)(refused) != refused


def test_it_is_kept_as_argon2id_with_a_salt_of_its_own() -> None:
    first, second = passwords.hashed(GOOD), passwords.hashed(GOOD)
    assert first.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert first != second
    assert passwords.fits(GOOD, first)
    assert not passwords.fits(GOOD + ".", first)


def test_nobody_has_no_password() -> None:
    assert not passwords.fits(GOOD, None)
    assert not passwords.fits("", None)


def test_the_same_characters_from_another_keyboard_are_the_same_password() -> None:
    assert passwords.fits("ｃａｆｅ\u0301 ｗｉｔｈ ｍｉｌｋ", passwords.hashed("café with milk"))


def test_a_first_password_is_one_that_would_be_taken() -> None:
    made = [passwords.made() for _ in range(50)]
    assert {passwords.flaw(one, "li.wei") for one in made} == {None}
    assert len({*made}) == 50
