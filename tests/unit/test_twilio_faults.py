"""What Twilio's codes mean for whoever is to be reached."""

from __future__ import annotations

import pytest

from alerts.channels.port import Trouble
from alerts.channels.twilio.faults import told, trouble_of, trouble_of_call


@pytest.mark.parametrize("code", [13223, 13224, 14101, 21201, 21211, 21214, 21217, 21265, 21614, 21635, 30005, 30006])
def test_a_number_that_cannot_be_reached_is_to_be_corrected(code: int) -> None:
    assert trouble_of(code, 400) is Trouble.BAD_ADDRESS


def test_whoever_said_stop_has_opted_out() -> None:
    assert trouble_of(21610, 400) is Trouble.OPTED_OUT


@pytest.mark.parametrize("code", [10004, 14107, 20429, 21611, 30001, 30022])
def test_too_much_at_once_is_for_later(code: int) -> None:
    assert trouble_of(code, 400) is Trouble.LATER


@pytest.mark.parametrize("code", [20003, 21212, 21401, 21408, 21606, 21612, 30002, 30003, 30004, 30007, 30008, 99999])
def test_what_is_not_the_numbers_fault_is_refused(code: int) -> None:
    assert trouble_of(code, 400) is Trouble.REFUSED


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        (429, Trouble.LATER),
        (500, Trouble.UNKNOWN),
        (503, Trouble.UNKNOWN),
        (504, Trouble.UNKNOWN),
        (400, Trouble.REFUSED),
        (404, Trouble.REFUSED),
        (0, Trouble.REFUSED),
    ],
)
def test_without_a_code_the_status_decides(status: int, trouble: Trouble) -> None:
    assert trouble_of(None, status) is trouble
    assert trouble_of(77777, status) is trouble


def test_a_code_says_more_than_the_status() -> None:
    assert trouble_of(21211, 500) is Trouble.BAD_ADDRESS


def test_only_a_number_that_does_not_exist_is_the_calls_fault() -> None:
    assert trouble_of_call(None, 404) is Trouble.BAD_ADDRESS
    assert trouble_of_call(None, 484) is Trouble.BAD_ADDRESS
    assert trouble_of_call(13224, None) is Trouble.BAD_ADDRESS
    assert trouble_of_call(None, 503) is None
    assert trouble_of_call(None, None) is None


def test_an_operator_reads_what_to_do() -> None:
    assert told(21211, "Invalid 'To' Phone Number") == "Twilio 21211: Invalid 'To' Phone Number"
    assert "SHOUWANG_TWILIO_AUTH_TOKEN" in told(20003, "Authenticate")
    assert told(None, "busy") == "Twilio: busy"
