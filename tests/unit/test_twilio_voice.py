"""What Twilio is told to say: exact documents, and the voice of each language."""

from __future__ import annotations

import pytest

from alerts.channels.twilio import voice
from alerts.channels.twilio.voice import CANTONESE, ENGLISH, MANDARIN, Voice, voice_of

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


@pytest.mark.parametrize(
    ("language", "spoken"),
    [
        ("zh_CN", MANDARIN), ("zh", MANDARIN), ("zh-Hans-CN", MANDARIN), ("cmn", MANDARIN),
        ("yue", CANTONESE), ("yue_HK", CANTONESE), ("zh_HK", CANTONESE), ("zh-Hant-HK", CANTONESE),
        ("zh_MO", CANTONESE), ("en", ENGLISH), ("en_GB", ENGLISH), ("fr", ENGLISH),
    ],
)  # fmt: skip
def test_a_person_hears_their_own_language(language: str, spoken: Voice) -> None:
    assert voice_of(language) == spoken


def test_a_voice_is_named_with_the_language_it_speaks() -> None:
    assert MANDARIN == ("cmn-CN", "Polly.Zhiyu-Neural")
    assert CANTONESE == ("yue-CN", "Polly.Hiujin-Neural")
    assert ENGLISH == ("en-US", "Polly.Joanna-Neural")


def test_a_question_waits_for_one_key_and_hears_of_none() -> None:
    document = voice.ask("平安请按1 <&>", MANDARIN, "https://shouwang.example/webhooks/twilio/voice/7/key?turn=1")
    assert document == (
        f"{_HEAD}<Response>"
        '<Gather action="https://shouwang.example/webhooks/twilio/voice/7/key?turn=1" actionOnEmptyResult="true" '
        'finishOnKey="" input="dtmf" method="POST" numDigits="1" timeout="8">'
        '<Say language="cmn-CN" voice="Polly.Zhiyu-Neural">平安请按1 &lt;&amp;&gt;</Say>'
        "</Gather></Response>"
    )


def test_what_was_done_is_said_before_the_question() -> None:
    assert voice.confirm_and_ask("Pardon?", "Press 1.", ENGLISH, "https://a.example/k") == (
        f'{_HEAD}<Response><Say language="en-US" voice="Polly.Joanna-Neural">Pardon?</Say>'
        '<Gather action="https://a.example/k" actionOnEmptyResult="true" finishOnKey="" input="dtmf" method="POST" '
        'numDigits="1" timeout="8"><Say language="en-US" voice="Polly.Joanna-Neural">Press 1.</Say></Gather></Response>'
    )


def test_a_last_word_ends_the_call() -> None:
    assert voice.say_and_hang_up("多谢", CANTONESE) == (
        f'{_HEAD}<Response><Say language="yue-CN" voice="Polly.Hiujin-Neural">多谢</Say><Hangup /></Response>'
    )


def test_a_machine_hears_nothing() -> None:
    assert voice.hang_up() == f"{_HEAD}<Response><Hangup /></Response>"


def test_an_sms_is_answered_or_not() -> None:
    assert voice.message("1 < 2") == f"{_HEAD}<Response><Message>1 &lt; 2</Message></Response>"
    assert voice.message() == f"{_HEAD}<Response />"
