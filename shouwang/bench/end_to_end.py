"""How much does one machine carry? Generator → real broker → `shouwang ingest` → PostgreSQL → acknowledged.

Everything is a process of its own on this machine: the generator, the broker, the service as it is run in production,
the database. Nothing is skipped: default rules, registered homes, committed rows, acknowledged messages; at the end
the rows stored are compared with the readings sent. The stream runs faster than time: each round of all sensors is a
quarter of an hour. Beside it, on the same servers, runs what a capable engineer writes in a day (`naive.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from shouwang.bench import peers
from shouwang.bench.machine import cores
from shouwang.bench.peers import Peer
from shouwang.bench.report import Progress, finite, silent
from shouwang.bench.under_load import Setting, Stretch, city, load, service

_FAILURES = "shouwang_commit_failures_total"
_REFUSED = "shouwang_refused_total"
_FINDINGS = "shouwang_findings_total"


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure: for `seconds` after `warm_up`, with `rate` readings a second, None for as fast as committed.

    `peers` are the seconds for which each of the others is measured on the same servers, 0 for not at all: the naive
    pipeline, and Node-RED where `npm install node-red pg` was run in the folder `node_red`.
    """

    setting: Setting = field(default_factory=Setting)
    seconds: float = 60.0
    warm_up: float = 15.0
    rate: float | None = None
    peers: float = 20.0
    node_red: str | None = None

    @property
    def prepared(self) -> int:
        """How many readings are written down before anything starts."""
        a_second = self.setting.most if self.rate is None else min(self.setting.most, round(self.rate) + 1)
        return max(round((self.seconds + self.warm_up + 2) * a_second), peers.needed(self.peers))


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured; `lost` are readings that were sent and are not in the database."""

    options: Options
    cores: int
    broker: str
    postgresql: str
    stretch: Stretch
    lost: int
    refused: int
    failures: int
    findings: Mapping[str, int]
    alerts: int
    peers: Sequence[Peer]

    @property
    def bound(self) -> float:
        """Readings a second that would fill all cores if nothing else ran on them: what a busy machine can tell."""
        return self.cores * 1e6 / sum(self.stretch.spent.values())

    def to_json(self) -> dict[str, Any]:
        """Return all figures in SI units."""
        stretch = self.stretch
        samples = stretch.samples
        memory = [one.memory for one in samples]
        return {
            "options": asdict(self.options),
            "broker": self.broker,
            "postgresql": self.postgresql,
            "seconds": round(stretch.seconds, 2),
            "readings_per_second": round(stretch.per_second),
            "readings_per_second_worst_10_s": round(stretch.worst),
            "readings_per_second_bound_by_processor": round(self.bound),
            "messages_per_second": round(stretch.messages_per_second),
            "sent": stretch.sent,
            "lost": self.lost,
            "refused": self.refused,
            "commit_failures": self.failures,
            "generator_ran_out": stretch.ran_out,
            "memory_bytes": {"begin": memory[0], "end": memory[-1], "most": max(memory)},
            "memory_growth_bytes_per_minute": round(stretch.growth),
            "processor_seconds_per_million_readings": {name: round(each, 3) for name, each in stretch.spent.items()},
            "sent_to_receipt_seconds": {f"p{share}": finite(stretch.percentile(share)) for share in (50, 90, 99, 100)},
            "findings": dict(self.findings),
            "alerts": self.alerts,
            "each_second": [round(b.stored - a.stored) for a, b in pairwise(samples)],
            "peers": [{**peer.to_json(), "ratio": round(peer.ratio(stretch.per_second), 1)} for peer in self.peers],
        }

    def table(self) -> RenderableType:
        """Return what matters at a glance."""
        stretch, pack = self.stretch, self.options.setting.pack
        table = Table(title=f"end to end: packs of {pack}, {self.broker}, PostgreSQL {self.postgresql}")
        table.add_column("figure")
        table.add_column("measured", justify="right")
        table.add_row("readings/s committed", f"[bold]{stretch.per_second:,.0f}[/]")
        table.add_row("  the worst ten seconds", f"{stretch.worst:,.0f}")
        table.add_row(f"  if {self.cores} cores did nothing else", f"{self.bound:,.0f}")
        table.add_row("messages/s acknowledged", f"{stretch.messages_per_second:,.0f}")
        table.add_row("sent to receipt, p50 / p99", f"{stretch.percentile(50):.2f} s / {stretch.percentile(99):.2f} s")
        table.add_row("readings sent / not stored", f"{stretch.sent:,} / {self.lost:,}")
        first, last = stretch.samples[0].memory, stretch.samples[-1].memory
        table.add_row("service's memory, begin → end", f"{first / 2**20:,.0f} → {last / 2**20:,.0f} MiB")
        table.add_row("  growth over the second half", f"{stretch.growth / 2**20:+,.1f} MiB/min")
        table.add_row("findings, alerts", f"{sum(self.findings.values()):,}, {self.alerts:,}")
        costs = Table(title="of the processor")
        costs.add_column("process")
        costs.add_column("s per million readings", justify="right")
        costs.add_column("cores", justify="right")
        for name, seconds in stretch.spent.items():
            costs.add_row(name, f"{seconds:.2f}", f"{seconds * stretch.per_second / 1e6:.2f}")
        notes = [
            f"{peer.name} on the same servers: {peer.per_second:,.0f} readings/s, a ratio of "
            f"[bold]{peer.ratio(stretch.per_second):.1f}[/]"
            for peer in self.peers
        ]
        if stretch.ran_out:
            notes.append("[yellow]the generator ran out of readings before the time was over[/]")
        if self.refused or self.failures:
            notes.append(f"[yellow]{self.refused:,} readings refused, {self.failures:,} commits tried again[/]")
        return Group(table, costs, *notes)


def run(options: Options, progress: Progress = silent) -> Report:
    """Start everything, measure, stop everything.

    Raises:
        BenchError: a server or the service does not start.
    """
    with city(options.setting, options.prepared, progress) as town:
        progress("starting `shouwang ingest`")
        with service(town) as loaded:
            stretch = load(town, loaded, options.warm_up, options.seconds, options.rate, progress)
            told = loaded.metrics.read()
        lost = town.sent - town.count("SELECT count(*) FROM reading")
        found = []
        if options.peers:
            progress("measuring the naive pipeline")
            found += [peers.naive(town, options.peers), peers.thorough(town, options.peers)]
            if options.node_red is not None:
                progress("measuring Node-RED")
                found.append(peers.node_red(town, Path(options.node_red), options.peers))
        return Report(
            options=options,
            cores=cores(),
            broker=town.broker.name,
            postgresql=town.postgresql,
            stretch=stretch,
            lost=lost,
            refused=int(told.get(_REFUSED, 0)),
            failures=int(told.get(_FAILURES, 0)),
            findings={name: int(value) for name, value in told.items() if name.startswith(_FINDINGS)},
            alerts=town.count("SELECT count(*) FROM alert"),
            peers=found,
        )
