"""paho's client, made to carry telemetry: it reads ahead, confirms many messages at once, and no packet stops it.

paho asks the system for a message's first bytes one by one, wakes its thread for each acknowledgement, and builds the
table of all properties of MQTT 5 for each message. That is most of what a message costs (`docs/performance.md`). Here
a packet is read from what one call to the system has brought, acknowledgements are written together, and a message
without properties is handed over without paho's own. What else there is to the protocol stays paho's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import MessageType, MQTTErrorCode

log = structlog.get_logger(__name__)

_READ_AHEAD = 256 * 1024
"""Bytes asked of the system at once."""
_PUBACK = bytes((MessageType.PUBACK, 2))


class Client(paho.Client):
    """A client that is told of messages without properties by `on_plain(topic, payload, mid, qos)`.

    `on_message` is told of the others.
    """

    def __init__(self, *args: Any, on_plain: Callable[[str, bytes, int, int], None], **options: Any) -> None:
        super().__init__(*args, **options)
        self._on_plain = on_plain
        self._ahead = memoryview(b"")

    def confirm(self, mids: Sequence[int]) -> None:
        """Acknowledge messages of QoS 1 in one write: PUBACK without a reason is success (MQTT 5 §3.4.2.1)."""
        packets = b"".join(_PUBACK + mid.to_bytes(2, "big") for mid in mids)
        if packets:
            self._packet_queue(MessageType.PUBACK, packets, mids[-1], 1)

    def reconnect(self) -> MQTTErrorCode:
        """Connect again; what was read ahead of the last connection is forgotten with it."""
        self._ahead = memoryview(b"")
        return super().reconnect()

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Take every packet that was read, not only the first: the system would not call again for the others."""
        result = super().loop_read(max_packets)
        while result == MQTTErrorCode.MQTT_ERR_SUCCESS and self._ahead:
            result = super().loop_read(max_packets)
        return result

    def _sock_recv(self, bufsize: int) -> bytes:
        if not self._ahead:
            self._ahead = memoryview(super()._sock_recv(max(bufsize, _READ_AHEAD)))
        part, self._ahead = self._ahead[:bufsize], self._ahead[bufsize:]
        return bytes(part)

    def _handle_publish(self) -> MQTTErrorCode:
        packet, qos = self._in_packet["packet"], (self._in_packet["command"] & 0x06) >> 1
        end = 2 + int.from_bytes(packet[:2], "big")
        at = end + 2 if qos else end
        try:
            if packet[at] != 0:  # the length of its properties
                return super()._handle_publish()
            topic = packet[2:end].decode()
        except Exception as error:  # noqa: BLE001 - whatever a stranger put into a packet
            return self._drop(error, packet, end, qos)
        self._on_plain(topic, bytes(packet[at + 1 :]), int.from_bytes(packet[end:at], "big"), qos)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _drop(self, error: Exception, packet: bytearray, end: int, qos: int) -> MQTTErrorCode:
        """Acknowledge and forget a packet that cannot be read.

        paho disconnects at a PUBLISH whose properties it does not understand; the broker then delivers the same packet
        again, for ever, and nothing behind it.
        """
        topic = repr(bytes(packet[2:end]))[:200]
        log.warning("a packet cannot be read and is dropped", error=repr(error), topic=topic)
        if qos:
            self.confirm([int.from_bytes(packet[end : end + 2], "big")])
        return MQTTErrorCode.MQTT_ERR_SUCCESS
