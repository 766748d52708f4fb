"""What Twilio says on the telephone: TwiML documents, and the voice of each language.

https://www.twilio.com/docs/voice/twiml. A call reads its message twice and waits for a key after each reading; whoever
asks for it with * hears it again. No document ever treats being listened to as an answer: only a key is one.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import Gather, VoiceResponse

WAITS_SECONDS: Final = 8
"""How long a key is waited for after the last word; Twilio's default of 5 s is short for somebody of ninety."""
READINGS: Final = 2
"""How often a message is read to somebody who presses nothing."""
MOST_TURNS: Final = 8
"""How often one call may ask altogether, so that a stuck key does not keep it up for ever."""

VERDICT_PAUSE_SECONDS: Final = 2
MOST_PAUSES: Final = 18
"""For so long a key waits for the verdict of answering-machine detection, which takes 4 s as a rule and 30 s at most
(`MachineDetectionTimeout`, https://www.twilio.com/docs/voice/answering-machine-detection)."""


class Voice(NamedTuple):
    """A language as `<Say>` takes it, and one of the voices that speak it."""

    language: str
    name: str


MANDARIN: Final = Voice("cmn-CN", "Polly.Zhiyu-Neural")
CANTONESE: Final = Voice("yue-CN", "Polly.Hiujin-Neural")
ENGLISH: Final = Voice("en-US", "Polly.Joanna-Neural")
"""https://www.twilio.com/docs/voice/twiml/say/text-speech: an unknown pair of voice and language is not spoken at all.
Cantonese has no catalogue of its own: written Chinese is the same, and the voice reads it as Hong Kong does."""

_CANTONESE_REGIONS: Final = frozenset({"hk", "mo"})


def voice_of(language: str) -> Voice:
    """Return the voice for a person's language tag: `zh_CN`, `yue`, `zh_HK`, `en` …; English for any other."""
    tongue, *rest = language.lower().replace("-", "_").split("_")
    if tongue == "yue" or (tongue == "zh" and _CANTONESE_REGIONS.intersection(rest)):
        return CANTONESE
    return MANDARIN if tongue in ("zh", "cmn") else ENGLISH


def ask(text: str, voice: Voice, action: str) -> str:
    """Return the document that reads a text and posts the key that is pressed, or none, to `action`."""
    spoken = VoiceResponse()
    spoken.append(_gather(text, voice, action))
    return str(spoken)


def confirm_and_ask(confirmed: str, text: str, voice: Voice, action: str) -> str:
    """Return the document that says one thing for certain, then asks as `ask` does."""
    spoken = VoiceResponse()
    spoken.say(confirmed, voice=voice.name, language=voice.language)
    spoken.append(_gather(text, voice, action))
    return str(spoken)


def say_and_hang_up(text: str, voice: Voice) -> str:
    """Return the document that says something and ends the call."""
    spoken = VoiceResponse()
    spoken.say(text, voice=voice.name, language=voice.language)
    spoken.hangup()
    return str(spoken)


def wait_and_ask_on(text: str, voice: Voice, address: str) -> str:
    """Return the document that says something ('' is nothing), waits a little and asks at `address` how to go on."""
    spoken = VoiceResponse()
    if text:
        spoken.say(text, voice=voice.name, language=voice.language)
    spoken.pause(length=VERDICT_PAUSE_SECONDS)
    spoken.redirect(address, method="POST")
    return str(spoken)


def hang_up() -> str:
    """Return the document that ends the call without a word."""
    spoken = VoiceResponse()
    spoken.hangup()
    return str(spoken)


def message(text: str = "") -> str:
    """Return the document that answers an SMS with another; '' answers nothing."""
    written = MessagingResponse()
    if text:
        written.message(text)
    return str(written)


def _gather(text: str, voice: Voice, action: str) -> Gather:
    # An empty `finishOnKey` lets # through as a key of its own, to be answered like any other wrong one.
    gather = Gather(
        input="dtmf",
        num_digits=1,
        finish_on_key="",
        timeout=WAITS_SECONDS,
        action=action,
        method="POST",
        action_on_empty_result=True,
    )
    gather.say(text, voice=voice.name, language=voice.language)
    return gather
