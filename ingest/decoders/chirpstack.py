"""Uplinks of LoRaWAN devices as ChirpStack v4 publishes them in JSON, already decoded by its device profile's codec.

The device is known by its DevEUI in lower case. ChirpStack itself signs in at the broker, not the radio gateways:
register its devices with the gateway `chirpstack:{application id}`.

The codec's output (`object`) is read by these keys; whatever else it holds is passed over. Without a unit in its
name, a key is in the quantity's own unit.

| key | quantity | unit |
| --- | --- | --- |
| `volume`, `volume_l`, `volume_m3` | volume (register) | l, l, m3 |
| `energy`, `energy_wh`, `energy_kwh` | energy (register) | Wh, Wh, kWh |
| `power`, `power_w`, `power_kw` | power | W, W, kW |
| `smoke`, `smoke_density` | smoke (obscuration) | %/m |
| `alarm`, `smoke_alarm` | alarm | true or false, 1 or 0 |
| `temperature`, `temperature_c` | temperature | Cel |
| `battery`, `battery_level`, `battery_percent` | battery | %EL |
| `tamper`, `tamper_alarm` | tamper | true or false, 1 or 0 |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ingest.decoders import flat_object, json_payload
from ingest.decoders.flat_object import Meaning
from ingest.records import Decoded, Places, Reason, Reject, shown
from registry.quantities import Quantity

_MEANINGS: Mapping[str, Meaning] = {
    "volume": Meaning(Quantity.VOLUME, "l"),
    "volume_l": Meaning(Quantity.VOLUME, "l"),
    "volume_m3": Meaning(Quantity.VOLUME, "m3"),
    "energy": Meaning(Quantity.ENERGY, "Wh"),
    "energy_wh": Meaning(Quantity.ENERGY, "Wh"),
    "energy_kwh": Meaning(Quantity.ENERGY, "kWh"),
    "power": Meaning(Quantity.POWER, "W"),
    "power_w": Meaning(Quantity.POWER, "W"),
    "power_kw": Meaning(Quantity.POWER, "kW"),
    "smoke": Meaning(Quantity.SMOKE, "%/m"),
    "smoke_density": Meaning(Quantity.SMOKE, "%/m"),
    "alarm": Meaning(Quantity.ALARM, ""),
    "smoke_alarm": Meaning(Quantity.ALARM, ""),
    "temperature": Meaning(Quantity.TEMPERATURE, "Cel"),
    "temperature_c": Meaning(Quantity.TEMPERATURE, "Cel"),
    "battery": Meaning(Quantity.BATTERY, "%EL"),
    "battery_level": Meaning(Quantity.BATTERY, "%EL"),
    "battery_percent": Meaning(Quantity.BATTERY, "%EL"),
    "tamper": Meaning(Quantity.TAMPER, ""),
    "tamper_alarm": Meaning(Quantity.TAMPER, ""),
}

_PLACES = Places(device="deviceInfo.devEui", name="{}", unit="{}", value="{}", time="time")


class ChirpStack:
    """Decodes ChirpStack's `up` events."""

    topics: ClassVar[tuple[str, ...]] = ("application/+/device/+/event/up",)

    def gateway(self, topic: str) -> str:
        """Return `chirpstack:{application id}`."""
        return f"chirpstack:{topic.split('/')[1]}"

    def decode(self, topic: str, payload: bytes, received: int) -> Decoded:
        """Return what the codec measured, and what of it cannot be accepted."""
        device = topic.split("/")[3].lower()
        decoded = Decoded(self.gateway(topic), places=_PLACES, device=device)
        try:
            event = json_payload.read(payload)
        except json_payload.NotJsonError as error:
            decoded.rejects.append(Reject(Reason.MALFORMED, "$", str(error)))
            return decoded
        refusal = _refusal(event, device)
        if refusal is not None or not isinstance(event, dict):
            decoded.rejects.extend([refusal] if refusal else [])
            return decoded
        time = received if event.get("time") is None else flat_object.instant(event["time"])
        if time is None:
            sentence = f"time is {shown(event['time'])}: send ISO 8601 with its offset, such as 2026-01-31T08:00:00Z"
            decoded.rejects.append(Reject(Reason.WRONG_TYPE, "time", sentence))
            return decoded
        good, bad = flat_object.records(event["object"], _MEANINGS, device, time, "object")
        if not good and not bad:
            sentence = f"object holds nothing measured: let the codec return one of {', '.join(_MEANINGS)}"
            bad.append(Reject(Reason.MISSING_FIELD, "object", sentence))
        decoded.records.extend(good)
        decoded.rejects.extend(bad)
        return decoded


def _refusal(event: object, device: str) -> Reject | None:
    """Return why an event as a whole cannot be read."""
    if not isinstance(event, dict):
        return Reject(Reason.MALFORMED, "$", f"an uplink is an object, but this is {shown(event)}: publish JSON events")
    about = event.get("deviceInfo")
    told = about.get("devEui") if isinstance(about, dict) else None
    if told is not None and (not isinstance(told, str) or told.lower() != device):
        sentence = f"devEui is {shown(told)}, but the topic says {shown(device)}: publish on the device's own topic"
        return Reject(Reason.MALFORMED, "deviceInfo.devEui", sentence)
    found = event.get("object")
    if found is None:
        sentence = "the uplink is not decoded: give the device profile in ChirpStack a codec"
        return Reject(Reason.MISSING_FIELD, "object", sentence)
    if not isinstance(found, dict):
        return Reject(Reason.WRONG_TYPE, "object", f"object is {shown(found)}: let the codec return an object")
    return None
