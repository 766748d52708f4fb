"""Which decoder reads a message. A vendor's format is one new file and one line in the list below."""

from __future__ import annotations

from ingest.decoders.chirpstack import ChirpStack
from ingest.decoders.protocol import Decoder
from ingest.decoders.senml_cbor import SenmlCbor
from ingest.decoders.senml_json import SenmlJson
from ingest.decoders.zigbee2mqtt import Zigbee2Mqtt
from ingest.records import Decoded, Message, Reason, Reject, shown

DECODERS: tuple[Decoder, ...] = (
    SenmlJson(),
    SenmlCbor(),
    ChirpStack(),
    Zigbee2Mqtt(),
)

TOPICS: tuple[str, ...] = tuple(topic for decoder in DECODERS for topic in decoder.topics)
"""The MQTT topic filters to subscribe to."""

MAX_PAYLOAD = 1024 * 1024
"""Bytes of a message at the most."""

_FILTERS = tuple((topic.split("/"), decoder) for decoder in DECODERS for topic in decoder.topics)


def decode(message: Message) -> Decoded:
    """Return what a message says and what in it cannot be accepted. Never raises: a decoder's bug is a refusal too."""
    decoder = _decoder_of(message.topic)
    if decoder is None:
        sentence = f"nothing is expected on {shown(message.topic)}: publish on one of {', '.join(TOPICS)}"
        return Decoded("", rejects=[Reject(Reason.UNKNOWN_TOPIC, "topic", sentence)])
    if len(message.payload) > MAX_PAYLOAD:
        sentence = f"the payload has {len(message.payload)} bytes: send at most {MAX_PAYLOAD} in one message"
        return Decoded(decoder.gateway(message.topic), rejects=[Reject(Reason.TOO_LARGE, "$", sentence)])
    try:
        return decoder.decode(message.topic, message.payload, message.received)
    except Exception as error:  # noqa: BLE001 -- the one net under all decoders: a vendor's payload stops nobody
        sentence = (
            f"the payload could not be read ({type(error).__name__}: {shown(str(error), 120)}): please report this"
        )
        return Decoded(decoder.gateway(message.topic), rejects=[Reject(Reason.MALFORMED, "$", sentence)])


def _decoder_of(topic: str) -> Decoder | None:
    levels = topic.split("/")
    for expected, decoder in _FILTERS:
        if len(expected) == len(levels) and all(
            wanted in ("+", level) for wanted, level in zip(expected, levels, strict=True)
        ):
            return decoder
    return None
