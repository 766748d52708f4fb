"""Findings that wait to become alerts: committed with the readings they came from, taken a slice at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.json import decode, encode
from psycopg import Connection
from psycopg.rows import dict_row

from detectors.finding import Finding
from registry.instants import to_datetime, to_micros
from registry.shards import WHOLE, Shard

_PUT = """
INSERT INTO waiting_findings (told_at, findings, shards, shard)
VALUES (%(at)s, %(findings)b, %(shards)s, %(shard)s) RETURNING no
"""
_ALL = """
SELECT no, told_at, findings FROM waiting_findings
WHERE refused IS NULL AND (shard = %s OR shards <> %s) ORDER BY no
"""
_REMOVE = "DELETE FROM waiting_findings WHERE no = %(no)s"
_REFUSE = """
INSERT INTO waiting_findings (told_at, findings, refused) VALUES (%(at)s, %(findings)b, %(why)s)
"""


@dataclass(frozen=True, slots=True)
class Slice:
    """Findings that are taken together, and the engine's clock (microseconds UTC) when they were found."""

    no: int
    told_at: int
    findings: tuple[Finding, ...]


def put(conn: Connection[Any], told_at: int, slices: Sequence[Sequence[Finding]], shard: Shard = WHOLE) -> list[Slice]:
    """Write down findings that wait, behind all others."""
    about = {"at": to_datetime(told_at), "shards": shard.of, "shard": shard.number}
    with conn.pipeline():  # whatever the number, one round trip
        written = [conn.execute(_PUT, {**about, "findings": encode(some)}) for some in slices]
        numbers = [no for cursor in written for (no,) in cursor]
    return [Slice(no, told_at, tuple(some)) for no, some in zip(numbers, slices, strict=True)]


def waiting(conn: Connection[Any], shard: Shard = WHOLE) -> Iterator[Slice]:
    """Yield what waits of a shard, the first first, and what was left by another division of the households."""
    for row in conn.cursor(row_factory=dict_row).execute(_ALL, (shard.number, shard.of)):
        yield Slice(row["no"], to_micros(row["told_at"]), tuple(decode(row["findings"], type=list[Finding])))


def remove(conn: Connection[Any], done: Slice) -> None:
    """Forget what has become alerts."""
    conn.execute(_REMOVE, {"no": done.no})


def refuse(conn: Connection[Any], told_at: int, finding: Finding, why: str) -> None:
    """Keep a finding of which no alert could be made out of the others' way, with the reason."""
    conn.execute(_REFUSE, {"at": to_datetime(told_at), "findings": encode([finding]), "why": why})
