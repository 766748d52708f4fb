"""`shouwang policy`: is a file of ladders right, does it reach everybody, and what does it look like?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape

from shouwang.command_frame import DataDir, told

app = typer.Typer(help="Escalation ladders: check them, look at them.", no_args_is_help=True)

PolicyFile = Annotated[
    Path | None, typer.Argument(help="A file of policies.", show_default="the one in the settings, or the built-in")
]
RegistryDir = Annotated[Path | None, typer.Option("--registry", help="A folder of registry CSV files.")]

_WARNED = 2


@app.command()
def check(
    file: PolicyFile = None,
    registry: RegistryDir = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 2 if there are warnings.")] = False,  # noqa: FBT002 - a flag of the command line
    data_dir: DataDir = None,
) -> None:
    """Read policies and say what is wrong with them; with people at hand, warn whom a ladder cannot reach.

    People are those of --registry, or of the database of the settings, or of the instance in --data-dir. Exit code 1:
    an error. 2: warnings, with --strict.
    """
    from alerts.ladders.reach import warnings
    from shouwang import wiring
    from shouwang.policy_pictures import everybody

    with told(data_dir) as settings:
        policies = wiring.policies(file or settings.policies)
        console = Console(highlight=False, soft_wrap=True)
        rungs = sum(len(rule.policy.rungs) for rule in policies.rules)
        name = escape(str(file or settings.policies or "the built-in policies"))
        console.print(
            f"[green]well[/]  {name}: {len(policies.rules)} policies, {rungs} steps; "
            "every kind, severity and hour has its ladder"
        )
        people = everybody(settings, registry, asked=data_dir is not None)
        if people is None:
            console.print("nobody was looked at: name people with --registry DIR, or an instance with --data-dir DIR")
            return
        found = warnings(policies, people)
        for warning in found:
            console.print(f"[yellow]warning[/]  {escape(warning)}")
        households = f"{len(people)} household{'' if len(people) == 1 else 's'}"
        if not found:
            console.print(f"[green]well[/]  every ladder reaches somebody at each of {households}")
        if found and strict:
            raise typer.Exit(_WARNED)


@app.command()
def show(
    file: PolicyFile = None,
    kind: Annotated[str | None, typer.Option(help="The ladders of this kind of alert alone.")] = None,
    severity: Annotated[str | None, typer.Option(help="The ladders of this severity alone.")] = None,
    household: Annotated[str | None, typer.Option(help="With the names of this household's people.")] = None,
    registry: RegistryDir = None,
    language: Annotated[Literal["zh_CN", "en"], typer.Option(help="The language it is shown in.")] = "en",
    words: Annotated[bool, typer.Option("--words/--no-words", help="With a sentence a step.")] = True,  # noqa: FBT002 - a flag of the command line
    data_dir: DataDir = None,
) -> None:
    """Draw the ladders: when, who, by what, in which words, until what, and what comes then."""
    from alerts.channels.choice import ONLY_HANDSETS
    from dashboards.words.ladders import picture
    from shouwang import wiring
    from shouwang.policy_pictures import chosen, concerned, panel

    with told(data_dir) as settings:
        rules = chosen(wiring.policies(file or settings.policies), kind, severity)
        place, people = concerned(settings, registry, household) if household else (None, None)
        console = Console(highlight=False)
        for rule in rules:
            address = place.address or place.household if place else ""
            drawn = picture(rule, language, people, ONLY_HANDSETS if people else None, address)
            console.print(panel(drawn, language, words=words))
