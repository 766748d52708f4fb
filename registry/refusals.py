"""What the registry refuses, and how it says what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from registry.errors import RegistryError


class InvalidValueError(RegistryError):
    """One value is not what its place can hold; the message says what to write."""


class InvalidEntryError(RegistryError):
    """An entry holds values that the registry cannot; `problems` gives (field, what to write) for each."""

    def __init__(self, what: str, problems: Iterable[tuple[str, str]]) -> None:
        self.problems = tuple(problems)
        told = "; ".join(f"{field}: {advice}" for field, advice in self.problems)
        super().__init__(f"this {what} cannot be registered: {told}")


class UnknownEntryError(RegistryError):
    """An entry refers to something that is not registered."""

    what = "entry"

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(
            f'there is no {self.what} "{key}"; register it first, or write the id of one that is registered'
        )


class UnknownAreaError(UnknownEntryError):
    """No area has this code."""

    what = "area"


class UnknownHouseholdError(UnknownEntryError):
    """No household has this id."""

    what = "household"


class UnknownPersonError(UnknownEntryError):
    """No person has this id."""

    what = "person"


class UnknownDeviceError(UnknownEntryError):
    """No device has this id."""

    what = "device"


class AlreadyRegisteredError(RegistryError):
    """The key of a new entry is taken."""

    def __init__(self, what: str, key: str) -> None:
        self.key = key
        super().__init__(f'{what} "{key}" is already registered; choose another key, or import it to change it')


class RegistryConflictError(RegistryError):
    """Values that do not fit together, or do not fit what is registered, were to be saved."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a file: `line` counts from 1; 0 is the whole file, and an empty `column` the whole line."""

    file: str
    line: int
    column: str
    advice: str

    def __str__(self) -> str:
        line = f"{self.line}:" if self.line else ""
        column = f" {self.column}:" if self.column else ""
        return f"{self.file}:{line}{column} {self.advice}"


SHOWN = 100
"""A longer list of problems helps nobody: they mostly have one cause, and the first hundred show it."""


class RegistryFileError(RegistryError):
    """Files of a registry cannot be read; `problems` holds every one, the message the first hundred."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems[:SHOWN]]
        if len(self.problems) > SHOWN:
            lines.append(f"… and {len(self.problems) - SHOWN} more; correct these first")
        super().__init__("nothing was imported; correct the files and import them again:\n" + "\n".join(lines))
