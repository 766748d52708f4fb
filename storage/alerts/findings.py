"""What detectors said of a household: written down once, and asked again for whether it is still so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from alerts.model import Alert
from detectors.finding import Finding
from registry.instants import to_datetime, to_micros
from storage.alerts import rows

_RECORD = """
INSERT INTO finding (household, kind, rule, source, onset, phase, severity, time, score, facts)
VALUES (
    %(household)s, %(kind)s, %(rule)s, %(source)s, %(onset)s, %(phase)s, %(severity)s, %(time)s, %(score)s, %(facts)s
)
ON CONFLICT DO NOTHING
"""

_STILL_SO = """
SELECT raised.rule || ' ' || raised.source AS name, raised.onset
FROM finding raised
WHERE raised.household = %(household)s AND raised.kind = %(kind)s AND raised.phase = 'raised'
  AND raised.onset = ANY (%(onsets)s)
  AND NOT EXISTS (
      SELECT 1 FROM finding since
      WHERE (since.household, since.kind, since.rule, since.source)
          = (raised.household, raised.kind, raised.rule, raised.source)
        AND (since.phase = 'cleared' AND since.onset = raised.onset
          OR since.phase = 'raised' AND since.onset > raised.onset)
  )
"""

_WORST = """
SELECT finding.* FROM finding
WHERE household = %(household)s AND kind = %(kind)s AND phase = 'raised'
  AND jsonb_build_object(rule || ' ' || source, (extract(epoch FROM onset) * 1000000)::bigint) <@ %(sources)s
ORDER BY severity DESC, time, rule, source
LIMIT 1
"""


def record(conn: Connection[Any], finding: Finding) -> bool:
    """Write a finding down; False if it was there already."""
    return conn.execute(_RECORD, rows.from_finding(finding)).rowcount == 1


def still_so(conn: Connection[Any], alert: Alert) -> Mapping[str, int]:
    """Return those of an alert's sources that were neither cleared nor raised anew since they were raised."""
    about = {
        "household": alert.household,
        "kind": alert.kind.value,
        "onsets": [to_datetime(onset) for onset in alert.sources.values()],
    }
    rows = conn.cursor(row_factory=dict_row).execute(_STILL_SO, about)
    still = {(row["name"], to_micros(row["onset"])) for row in rows}
    return {source: onset for source, onset in alert.sources.items() if (source, onset) in still}


def worst(conn: Connection[Any], alert: Alert) -> Finding | None:
    """Return the most severe of what an alert's sources were raised with, the first of those."""
    about = {"household": alert.household, "kind": alert.kind.value, "sources": Jsonb(dict(alert.sources))}
    row = conn.cursor(row_factory=dict_row).execute(_WORST, about).fetchone()
    return None if row is None else rows.to_finding(row)
