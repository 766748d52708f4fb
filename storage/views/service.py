"""What is wrong with the service itself, for everybody who looks at a page."""

from __future__ import annotations

from storage.views import Row, View

# What is wrong with the service concerns everybody; the households it names only those who see everything (0019).
_FLAWS = """
SELECT kind, since, count, CASE WHEN %(scope)s = '' THEN detail END AS detail
FROM seen_service_alert WHERE ended_at IS NULL
ORDER BY since, kind
"""


def flaws(view: View) -> list[Row]:
    """Return the flaws of the service that are not over, the oldest first; `detail` is null for who sees a part."""
    return view.rows(_FLAWS)
