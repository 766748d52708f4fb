"""What can go wrong at the front door."""

from __future__ import annotations

from registry.errors import ShouwangError


class AnotherEngineError(ShouwangError):
    """Another engine is at work on this database: stop it first, or give this one a database of its own."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class SettingsError(ShouwangError):
    """A setting is wrong, or there is none of that name."""


class NoInstanceError(ShouwangError):
    """There is no service to talk to where one was looked for."""


class InUseError(ShouwangError):
    """A data directory that another process is using."""


class PortTakenError(ShouwangError):
    """Something else listens on a port that this service was told to use."""


class WrongTimeError(ShouwangError):
    """A data directory lives in another time than the one it is started with."""


class BenchError(ShouwangError):
    """A measurement that cannot be made, or that measured something else than it says."""
