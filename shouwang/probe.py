"""For containers' health checks: `python -m shouwang.probe URL` ends with 0 if the role that answers there is well.

A role whose loop stands still goes on answering, so a heartbeat among its metrics must be fresh as well. Nothing but
the standard library is imported: this runs every few seconds beside each role.
"""

from __future__ import annotations

import re
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime

STALE_SECONDS = 60.0
"""How old a heartbeat may be; the loops beat several times a second, and their longest pause is 10 s."""
_PATIENCE_SECONDS = 3.0
_HEARTBEAT = re.compile(r"^(shouwang_\w+_heartbeat) (\S+)$", re.MULTILINE)


def ailment(url: str, now: float) -> str:
    """Return what is wrong with the role that answers at `url` at an instant (seconds since 1970), '' if nothing is."""
    if not url.startswith(("http://", "https://")):
        return f"{url} is no address: write http://host:port/metrics or …/readyz"
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE_SECONDS) as answer:  # noqa: S310 - checked above
            said = answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return f"{url} answers {refusal.code}: {refusal.read().decode(errors='replace')[:500]}"
    except OSError as error:
        return f"{url} does not answer: {error}"
    for name, beat in _HEARTBEAT.findall(said):
        if now - float(beat) > STALE_SECONDS:
            return f"{name} is {now - float(beat):.0f} s old: the loop stands still"
    return ""


if __name__ == "__main__":
    sys.exit(ailment(sys.argv[1], datetime.now(UTC).timestamp()) or 0)
