"""Messages in, checked readings out: by columns where they are written in the usual way, else record by record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from ingest.columns import Usual, usual
from ingest.decoders import decode
from ingest.directory import Directory
from ingest.records import Message
from ingest.validation import OLDEST, TOO_FAR_AHEAD, Tally, Validated, validate
from registry.instants import to_micros
from registry.readings import ReadingBatch


def accept(messages: Sequence[Message], directory: Directory, now: datetime) -> Validated:
    """Decode messages and check what they say; `now` is the engine's clock.

    The answer is that of `validate` on what `decode` makes of the messages, only sooner.
    """
    read = usual(messages, directory, OLDEST, to_micros(now) + TOO_FAR_AHEAD)
    others = np.flatnonzero(read.taken < 0).tolist()
    tallies = [Tally(taken, 0) for taken in read.taken.tolist()]
    if not others:
        return Validated([], tallies, (), read.batch)
    checked = validate([(messages[at], decode(messages[at])) for at in others], directory, now)
    for at, tally in zip(others, checked.tallies, strict=True):
        tallies[at] = tally
    return replace(checked, tallies=tallies, sent=_together(read, checked, others))


def _together(read: Usual, checked: Validated, others: Sequence[int]) -> ReadingBatch:
    """Return the readings of both in the order of their messages."""
    message = np.repeat(others, [tally.readings for tally in checked.tallies])
    order = np.argsort(np.concatenate((read.message, message)), kind="stable")
    usual, sent = read.batch, checked.sent
    return ReadingBatch(
        np.concatenate((usual.sensor, sent.sensor))[order],
        np.concatenate((usual.time, sent.time))[order],
        np.concatenate((usual.value, sent.value))[order],
        np.concatenate((usual.received, sent.received))[order],
    )
