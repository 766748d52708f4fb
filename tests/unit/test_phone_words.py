"""What the caseworker's phone says, in both languages, and what it is made of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dashboards
from dashboards.pages import phone
from dashboards.pages.phone import SHELL, WORDS, address, version
from dashboards.words.languages import CHINESE, translator

STATIC = Path(dashboards.__file__).parent / "static"
_HELD = re.compile(r"\{(\w+)\}")
_SCRIPT = "".join((STATIC / name).read_text() for name in SHELL if name in ("phone-words.js", "phone.js"))


def test_every_word_is_there_in_chinese_with_the_same_values() -> None:
    chinese = translator(CHINESE)
    assert sorted(text for text in WORDS.values() if chinese(text) == text) == []
    for text in WORDS.values():
        assert sorted(_HELD.findall(chinese(text))) == sorted(_HELD.findall(text)), text


def test_the_script_says_nothing_that_is_not_there() -> None:
    said = set(re.findall(r'\bsay\("([\w-]+)"', _SCRIPT))
    assert len(said) > 20
    assert said <= set(WORDS), said - set(WORDS)


def test_the_script_finds_everything_it_asks_the_page_for() -> None:
    page = (STATIC.parent / "templates" / "phone.html").read_text()
    asked = set(re.findall(r'\$\("([\w-]+)"\)', _SCRIPT)) | set(re.findall(r'fresh\("([\w-]+)"\)', _SCRIPT))
    there = set(re.findall(r'\bid="([\w-]+)"', page))
    assert len(asked) > 20
    assert asked <= there, asked - there
    parts = set(re.findall(r'\bof\("(\w+)"\)', _SCRIPT))
    assert parts <= set(re.findall(r"\bdata-(\w+)", page))


def test_another_file_is_another_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = version()
    for name in (*SHELL, "worker.js"):
        (tmp_path / name).write_bytes((STATIC / name).read_bytes())
    (tmp_path / "phone.js").write_text("changed")
    monkeypatch.setattr(phone, "_STATIC", tmp_path)
    version.cache_clear()
    try:
        assert version() != before
        assert address("phone.css") == f"/static/phone.css?v={version()}"
    finally:
        monkeypatch.undo()
        version.cache_clear()
    assert version() == before


def test_the_page_asks_for_exactly_what_the_phone_keeps() -> None:
    page = (STATIC.parent / "templates" / "phone.html").read_text()
    assert set(re.findall(r"/static/([\w.-]+)\?v=", page)) == set(SHELL)
