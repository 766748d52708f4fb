"""Where messages go, as the registry takes it: what can be sent to, and what to write where it cannot."""

from __future__ import annotations

import pytest

from registry.checks import message_address
from registry.csv_files import read_files
from registry.refusals import InvalidValueError, RegistryFileError

HEADER = "id,name,role,household,area,phone,language,channel,address"


@pytest.mark.parametrize(
    "address",
    [
        "wecombot://0123-key",
        "feishu://0123456789abcdef",
        "dingtalk://token12345/13800000000",
        "mailto://user:pass@example.org?to=zhao@example.org",
        "https://example.org/hooks/7?k=v",
        "https://[2001:db8::1]:8443/",
    ],
)
def test_what_can_be_sent_to_is_kept_as_it_is(address: str) -> None:
    assert message_address(f" {address} ") == address


@pytest.mark.parametrize(
    ("address", "advice"),
    [
        ("zhao@example.org", "write an Apprise URL"),
        ("wecombot://", "write an Apprise URL"),
        ("wecom bot://x", "write an Apprise URL"),
        ("wecombott://secret-key", "did you mean wecombot://"),
        ("http://example.org/", "write https://"),
        ("https:///path", "names no server"),
        ("https://example.org:99999/", "names no server"),
        ("https://user:secret-key@example.org/", "write neither"),
        ("https://example.org/#part", "write neither"),
        ("syslog://localhost", "nobody sees it"),
        ("mailto://secret-key", "docs/channels.md"),
    ],
)
def test_what_cannot_says_what_to_write_and_shows_no_secret(
    address: str, advice: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InvalidValueError, match=advice) as refused:
        message_address(address)
    assert "secret-key" not in str(refused.value) + "".join(capfd.readouterr())


def test_an_import_names_file_line_and_column() -> None:
    rows = f"{HEADER}\nok,A,contact,,,,en,sms,https://example.org/\nbad,B,contact,,,,en,sms,http://example.org/\n"
    with pytest.raises(RegistryFileError, match=r'people\.csv:3: address: "http://…" is not encrypted; write https://'):
        read_files({"people.csv": rows.encode()})


def test_who_prefers_messages_needs_an_address() -> None:
    rows = f"{HEADER}\np,A,contact,,,,en,message,\n"
    with pytest.raises(RegistryFileError, match=r"people\.csv:2: address: is empty; write where messages go"):
        read_files({"people.csv": rows.encode()})
