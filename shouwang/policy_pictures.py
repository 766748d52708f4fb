"""Ladders drawn in a terminal, and the people whom they concern."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich import box
from rich.console import Group
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from alerts.ladders.policy import TASKS, Do, Policies, Rule
from alerts.people import People, Place
from alerts.registered_people import neighbourhood
from dashboards.words.ladders import Line, Picture
from dashboards.words.languages import CHINESE
from detectors.finding import Kind, Severity
from registry.csv_files import read_directory
from shouwang.clock import LiveClock, micros
from shouwang.command_frame import database
from shouwang.errors import NoInstanceError, SettingsError
from shouwang.instance import Instance
from shouwang.settings import Settings
from storage.alerts import people
from storage.registry import load

_STYLES = {Do.SMS: "cyan", Do.CALL: "green", Do.MESSAGE: "cyan", Do.PREFERRED: "cyan"}


def panel(drawn: Picture, language: str, *, words: bool) -> Panel:
    """Return the picture of a ladder for a terminal, with a sentence for each step if `words` are wanted."""
    titles = ("时间", "对象", "方式", "内容") if language == CHINESE else ("when", "who", "by", "in which words")
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False)
    for title, share in zip(titles, (3, 5, 4, 11), strict=True):
        table.add_column(title, ratio=share, overflow="fold")
    for line in drawn.lines:
        who = Text(line.who, style="" if line.reached else "yellow")
        table.add_row(line.when, who, Text(line.how, style=_style(line)), _said(line))
    parts: list[Text | Table] = [Text(drawn.applies, style="dim"), table]
    if words:
        parts += [Text(f"{at}. {line.sentence}") for at, line in enumerate(drawn.lines, 1)]
        parts.append(Text())
    parts += [Text(f"↻ {text}" if at == 1 else f"· {text}") for at, text in enumerate(drawn.afterwards)]
    return Panel(Group(*parts), title=escape(drawn.name), title_align="left")


def _said(line: Line) -> Text:
    said = Text(line.words, style="italic dim")
    for condition in line.conditions:
        said.append(("\n" if said.plain else "") + f"▹ {condition}", style="not italic not dim magenta")
    return said


def _style(line: Line) -> str:
    do = Do(line.do)
    return "bold red" if do in TASKS else _STYLES[do]


def chosen(policies: Policies, kind: str | None, severity: str | None) -> list[Rule]:
    """Return the policies for a kind and a severity, all where none is given.

    Raises:
        SettingsError: there is no such kind or severity.
    """
    one_kind, one_severity = _kind(kind), _severity(severity)
    return [
        rule
        for rule in policies.rules
        if (one_kind is None or one_kind in rule.kinds) and (one_severity is None or one_severity in rule.severities)
    ]


def concerned(settings: Settings, registry: Path | None, household: str) -> tuple[Place, People]:
    """Return one household with its people; from a database with whoever is on call there now.

    Raises:
        ShouwangError: there is no such household.
    """
    if registry is None:
        with database(settings) as conn:
            return people.place(conn, household), people.people(conn, household, micros(LiveClock()))
    for place, around in _read(registry):
        if place.household == household:
            return place, around
    raise SettingsError(f"household {household!r} is not in {registry}; choose one of households.csv")


def everybody(settings: Settings, registry: Path | None, *, asked: bool) -> list[tuple[Place, People]] | None:
    """Return every household with its people; None where no registry was `asked` for and no instance runs."""
    if registry is not None:
        return list(_read(registry))
    if not asked and not settings.database_url:
        try:
            Instance.find(settings.data_dir)
        except NoInstanceError:
            return None
    with database(settings) as conn:
        return list(neighbourhood(load(conn)))


def _read(registry: Path) -> Iterable[tuple[Place, People]]:
    return neighbourhood(read_directory(registry))


def _kind(given: str | None) -> Kind | None:
    if given is not None and given not in list(Kind):
        raise SettingsError(f"--kind {given} is none of {', '.join(Kind)}")
    return None if given is None else Kind(given)


def _severity(given: str | None) -> Severity | None:
    labels = {one.label: one for one in Severity}
    if given is not None and given not in labels:
        raise SettingsError(f"--severity {given} is none of {', '.join(labels)}")
    return None if given is None else labels[given]
