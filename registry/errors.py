"""The root of every error this system raises on purpose; each folder adds its own branches."""

from __future__ import annotations


class ShouwangError(Exception):
    """Something this system refuses or cannot do; the message tells its reader what to do next."""


class RegistryError(ShouwangError):
    """The registry (areas, households, people, devices, absences) was asked for what it cannot hold."""
