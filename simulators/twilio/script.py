"""How telephones behave, and what befalls the provider: what a test or a user writes down beforehand.

As TOML:

    [numbers."+8613812340001"]
    sms = [{ reply = "1", reply_after = 20 }]
    calls = [{ fate = "no-answer" }, { fate = "answered", keys = ["1"] }]

    [numbers."+8613812340002"]
    exists = false

    [[faults]]
    kind = "down"
    start = 600
    lasts = 3600

    [callbacks]
    delay = 5
    copies = 2
    reordered = true

Each SMS and each call takes the next entry of its list; the last one stays. Durations are seconds.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from simulators.errors import SimulationError


class Reception(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What becomes of an SMS. `error` is the code an undelivered or failed one is reported with.

    `sent` is the last that is ever heard of it. `refused` is a code with which the API refuses to take it.
    """

    fate: Literal["delivered", "undelivered", "failed", "sent"] = "delivered"
    error: int = 30003
    after: float = 3.0
    reply: str | None = None
    reply_after: float = 30.0
    refused: int | None = None


class Pickup(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What becomes of a call.

    `by` is what answering machine detection finds, if it was asked for. At each `<Gather>` the next entry of `keys`
    is pressed, '' and what comes after the last being nothing, `press_after` seconds after the gathering began.
    Whoever answered hangs up `patience` seconds later at the latest.
    """

    fate: Literal["answered", "no-answer", "busy", "failed"] = "no-answer"
    after: float = 6.0
    by: Literal[
        "human", "machine_start", "machine_end_beep", "machine_end_silence", "machine_end_other", "fax", "unknown"
    ] = "human"
    keys: tuple[str, ...] = ()
    press_after: float = 3.0
    patience: float = 120.0
    refused: int | None = None


class Telephone(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One number. One that nobody wrote down takes every SMS, answers none, and rings unanswered."""

    exists: bool = True
    opted_out: bool = False
    sms: tuple[Reception, ...] = (Reception(),)
    calls: tuple[Pickup, ...] = (Pickup(),)


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What ails the API from `start`, in seconds after the emulator's own start, for `lasts` seconds, or for ever.

    `throttled` answers 429, `down` answers `status`, with something that is no JSON where `garbled`. `slow` takes what
    it is told to do and does it, and never answers. With `to` it concerns only what goes to that number; with
    `times` only so many requests.
    """

    kind: Literal["throttled", "down", "slow"]
    start: float = 0.0
    lasts: float | None = None
    to: str | None = None
    times: int | None = None
    status: int = 503
    garbled: bool = False


class Callbacks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How callbacks travel: `delay` seconds late, `copies` times, `reordered` with the last news first."""

    delay: float = 0.0
    copies: int = 1
    reordered: bool = False


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that is written down beforehand."""

    numbers: Mapping[str, Telephone] = {}
    faults: tuple[Fault, ...] = ()
    callbacks: Callbacks = Callbacks()


def understand(written: Mapping[str, Any]) -> Script:
    """Return a script as it was written in TOML or JSON.

    Raises:
        SimulationError: something in it has no meaning; the message says where.
    """
    try:
        script = msgspec.convert(written, Script)
    except msgspec.ValidationError as wrong:
        raise SimulationError(f"the script of telephones: {wrong}") from wrong
    for number, telephone in script.numbers.items():
        if not (number.startswith("+") and number[1:].isascii() and number[1:].isdigit()):
            raise SimulationError(f"the script of telephones: write {number!r} as E.164, such as +8613812340001")
        if not (telephone.sms and telephone.calls):
            raise SimulationError(f"the script of telephones: {number} needs an entry in sms and in calls, or neither")
    if script.callbacks.copies < 1:
        raise SimulationError("the script of telephones: callbacks.copies must be at least 1")
    return script


def read(file: Path) -> Script:
    """Return the script in a TOML or JSON file.

    Raises:
        SimulationError: it cannot be read, or something in it has no meaning.
    """
    try:
        text = file.read_text(encoding="utf-8")
        written = msgspec.json.decode(text) if file.suffix == ".json" else tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.DecodeError) as wrong:
        raise SimulationError(f"{file} cannot be read: {wrong}") from wrong
    return understand(written)
