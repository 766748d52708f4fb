"""What would these rules have said? The very same detectors over recorded readings, without servers.

`run` walks through recordings, or through a simulated town, once for all rule sets that are compared;
`inject` and `trials` let people fall in it and measure how long each set takes to say so. What comes out is a
`Report`; `table`, `html` and `export` write it for people, for people with a phone, and for programs.
"""

from shouwang.backtest.circumstances import Circumstances, registered
from shouwang.backtest.report import Report
from shouwang.backtest.run import Plan, run

__all__ = ["Circumstances", "Plan", "Report", "registered", "run"]
