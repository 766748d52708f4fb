"""State of Zigbee devices as zigbee2mqtt publishes it in JSON under the device's friendly name.

The device is known by that name, so choose names without blanks or slashes; its gateway is `zigbee2mqtt`. Set
`advanced.last_seen` there: without it a state counts as measured when it arrives, also one that was retained.

| key | quantity | unit |
| --- | --- | --- |
| `water_consumed`, `volume_m3`, `volume_l` | volume (register) | m3, m3, l |
| `energy` | energy (register) | kWh |
| `power` | power | W |
| `smoke_density_dbm` | smoke (obscuration) | dB/m, converted to %/m |
| `smoke` | alarm | true or false |
| `temperature` | temperature | Cel |
| `battery` | battery | %EL |
| `tamper` | tamper | true or false |

Passed over on purpose: `smoke_density`, a detector's own scale from 0 to 10 without a unit, and `volume`, which is
how loud a siren is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from ingest.decoders import flat_object, json_payload
from ingest.decoders.flat_object import Meaning
from ingest.records import Decoded, Places, Reason, Reject, shown
from registry.quantities import Quantity


def _obscuration(decibels: float) -> float:
    """Return %/m from dB/m: EN 54-7's m = 10·log10(P0/P) a metre, and obscuration is 1 - P/P0."""
    try:
        return 100.0 * (1.0 - math.pow(10.0, -decibels / 10.0))
    except OverflowError:
        return -math.inf


_MEANINGS: Mapping[str, Meaning] = {
    "water_consumed": Meaning(Quantity.VOLUME, "m3"),
    "volume_m3": Meaning(Quantity.VOLUME, "m3"),
    "volume_l": Meaning(Quantity.VOLUME, "l"),
    "energy": Meaning(Quantity.ENERGY, "kWh"),
    "power": Meaning(Quantity.POWER, "W"),
    "smoke_density_dbm": Meaning(Quantity.SMOKE, "%/m", _obscuration),
    "smoke": Meaning(Quantity.ALARM, ""),
    "temperature": Meaning(Quantity.TEMPERATURE, "Cel"),
    "battery": Meaning(Quantity.BATTERY, "%EL"),
    "tamper": Meaning(Quantity.TAMPER, ""),
}

_PLACES = Places(device="topic", name="{}", unit="{}", value="{}", time="last_seen")
_BRIDGE = "bridge"


class Zigbee2Mqtt:
    """Decodes zigbee2mqtt's state messages. Lamps, remotes and the bridge itself measure nothing: they are silent."""

    topics: ClassVar[tuple[str, ...]] = ("zigbee2mqtt/+",)

    def gateway(self, topic: str) -> str:  # noqa: ARG002 -- the same for every topic
        """Return `zigbee2mqtt`."""
        return "zigbee2mqtt"

    def decode(self, topic: str, payload: bytes, received: int) -> Decoded:
        """Return what a device measured, and what of it cannot be accepted."""
        device = topic.split("/")[1]
        decoded = Decoded(self.gateway(topic), places=_PLACES, device=device)
        if device == _BRIDGE or not payload:  # an empty payload takes back a retained state
            return decoded
        try:
            state = json_payload.read(payload)
        except json_payload.NotJsonError as error:
            decoded.rejects.append(Reject(Reason.MALFORMED, "$", str(error)))
            return decoded
        if not isinstance(state, dict):
            sentence = f"a state is an object, but this is {shown(state)}: set output to json in zigbee2mqtt"
            decoded.rejects.append(Reject(Reason.MALFORMED, "$", sentence))
            return decoded
        time = received if state.get("last_seen") is None else _last_seen(state["last_seen"])
        if time is None:
            sentence = f"last_seen is {shown(state['last_seen'])}: set advanced.last_seen to ISO_8601 or epoch"
            decoded.rejects.append(Reject(Reason.WRONG_TYPE, "last_seen", sentence))
            return decoded
        good, bad = flat_object.records(state, _MEANINGS, device, time, "")
        decoded.records.extend(good)
        decoded.rejects.extend(bad)
        return decoded


def _last_seen(found: object) -> int | None:
    """Return microseconds UTC from ISO 8601 or from milliseconds since 1970, as zigbee2mqtt is set to write."""
    if isinstance(found, int) and not isinstance(found, bool):
        return found * 1000
    return flat_object.instant(found)
