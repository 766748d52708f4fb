"""Where the keys live that numbers and addresses are sealed with: in the settings, or in a file of the instance."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from shouwang.errors import SettingsError
from shouwang.settings import Settings
from storage import sealing
from storage.errors import SealError

FILE: Final = "seal.keys"
"""In the data directory of an embedded instance: one key a line, the newest first."""
HOW: Final = (
    "numbers and addresses are sealed with a key, and there is none: make one with `shouwang key create`, keep it "
    "where backups of the database do not lie, and set SHOUWANG_SEAL_KEYS to it wherever Shouwang runs"
)


def hold(settings: Settings) -> bool:
    """Give this process the keys there are: those of the settings, else the instance's own; say whether there are any.

    Raises:
        SettingsError: one of them is no key.
    """
    keys = _configured(settings) or _kept(settings.data_dir)
    if not keys:
        return False
    try:
        sealing.hold(sealing.Seals(keys))
    except SealError as error:
        raise SettingsError(f"SHOUWANG_SEAL_KEYS, or {settings.data_dir / FILE}: {error}") from error
    return True


def require(settings: Settings) -> None:
    """Give this process its keys before it serves a production role; those of an instance nearby are not meant.

    Raises:
        SettingsError: there are none, or one of them is no key.
    """
    if not _configured(settings):
        raise SettingsError(HOW)
    hold(settings)


def hold_or_make(settings: Settings) -> None:
    """Give this process its keys; where there are none, an instance of its own gets one, for nobody else to read.

    Raises:
        SettingsError: one of them is no key.
    """
    if not hold(settings):
        write(settings.data_dir, [sealing.new_key()])
        hold(settings)


def write(data_dir: Path, keys: list[str]) -> None:
    """Write the keys of an instance, all of them or none, so that only who owns its directory can read them."""
    draft = data_dir / f"{FILE}.{os.getpid()}"
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write("".join(f"{key}\n" for key in keys))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(data_dir / FILE)


def kept_in_file(settings: Settings) -> list[str] | None:
    """Return the keys of an instance that keeps them itself, None where the settings name them."""
    return None if _configured(settings) else _kept(settings.data_dir)


def _configured(settings: Settings) -> list[str]:
    text = settings.seal_keys.get_secret_value() if settings.seal_keys else ""
    return [key.strip() for key in text.split(",") if key.strip()]


def _kept(data_dir: Path) -> list[str]:
    try:
        return (data_dir / FILE).read_text(encoding="ascii").split()
    except FileNotFoundError:
        return []
