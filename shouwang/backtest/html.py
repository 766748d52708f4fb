"""A backtest as one page that needs nothing else: no script, no font, no picture from anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from registry.instants import DAY
from shouwang.backtest import pictures
from shouwang.backtest.figures import hours, number, pair
from shouwang.backtest.report import Report
from shouwang.backtest.roster import YEAR
from shouwang.backtest.summary import counts, found, levels, lines, worst

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#5c6670;--line:#d9dee3;--paper:#fff;--card:#f6f7f9}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#9aa4ae;--line:#343b42;--paper:#14171a;--card:#1c2024}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:1.25rem 1rem 4rem;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI","PingFang SC","Noto Sans CJK SC",sans-serif}
h1{font-size:1.6rem;margin:.2rem 0}h2{font-size:1.2rem;margin:2.6rem 0 .4rem}h3{font-size:1rem;margin:1.4rem 0 .3rem}
p{margin:.4rem 0}.soft,figcaption{color:var(--soft)}.notice{border-left:3px solid #e69f00;padding-left:.7rem}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.7rem;margin:1.2rem 0}
dl div{background:var(--card);border-radius:.6rem;padding:.6rem .8rem}
dt{color:var(--soft);font-size:.85rem}dd{margin:0;font-size:1.3rem;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto;margin:.6rem 0}
table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-nums}
th,td{padding:.35rem .6rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--soft);font-weight:500}
td.name,th.name{text-align:left}td.strong{font-weight:600}
svg{width:100%;height:auto;display:block}svg text{fill:var(--soft);font:12px system-ui,sans-serif}
.grid{stroke:var(--line);stroke-width:1}.axis{stroke:var(--line);stroke-width:1}
.keys{display:flex;flex-wrap:wrap;gap:.3rem 1rem;font-size:.9rem}.key i{display:inline-block;width:.8em;height:.8em;
border-radius:2px;margin-right:.4em;vertical-align:-.05em}
""".strip()


def write(report: Report, out: Path) -> None:
    """Write `page` to a file."""
    out.write_text(page(report), encoding="utf-8")


def page(report: Report, *, most: int = 6) -> str:
    """Return the whole page."""
    body = "\n".join(
        part
        for part in (
            _head(report), _matched(report), _delays(report), _asked(report), _alerts(report), _worst(report, most),
        )
        if part
    )  # fmt: skip
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>Shouwang backtest</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _head(report: Report) -> str:
    facts = [
        ("readings", f"{report.readings:,}"),
        ("households", f"{len(report.households):,}"),
        ("household-years", f"{report.household_years:,.1f}"),
        ("judged", f"{report.coverage:.0%}"),
        ("late readings", f"{report.late:,}"),
    ]
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    notices = "".join(f'<p class="notice">{escape(one)}</p>' for one in report.notices)
    names = ", ".join(escape(said.rules) for said in report.sets)
    return (
        f"<h1>Shouwang 守望 backtest</h1>\n<p>{names}</p>\n<dl>{cells}</dl>\n{notices}"
        '<p class="soft">Every alert of a recording counts as false: nothing in it is known to be an emergency. '
        "Judged is the share of time in which readings came at most 3 h apart.</p>"
    )


def _matched(report: Report) -> str:
    if not report.played:
        return ""
    own = lines(report)
    drawn = pictures.curves(own)
    rows = []
    for line in own:
        if line.fixed is None:
            rows.append([f"{line.rules}: {line.rule}", *[pair(one.median, one.p90) for one in line.matched]])
        elif report.targets:
            half, most = (line.fixed.delays.quantile(q) for q in (0.5, 0.9))
            told = f"{line.fixed.rate:.1f} a year: {pair(half, most)}"
            rows.append([line.rules, told, *[""] * (len(report.targets) - 1)])
    table = _table(["rule", *[f"at {one:g} a year" for one in report.targets]], rows) if report.targets else ""
    return (
        "<h2>How long somebody lies until the alarm</h2>\n"
        "<p>Median hours from an injected fall to the first alarm, against the false alarms a household-year that the "
        f"same rule raises on the same readings. Lower and further left is better.</p>\n{drawn}\n"
        + (f"<h3>At equal false-alarm rates: median / 90th percentile</h3>\n{table}" if table else "")
    )


def _delays(report: Report) -> str:
    rows = [
        [
            one.kind.value, one.rules if one.rule is None else f"{one.rule} at {one.asked:g}",
            f"{one.delays.events:,}", number(one.false), hours(one.delays.quantile(0.5)),
            hours(one.delays.quantile(0.9)), f"{one.delays.within(24):.1%}", f"{one.delays.within(48):.1%}",
        ]
        for one in found(report)
    ]  # fmt: skip
    names = ["event", "rules", "events", "false a year", "median", "p90", "in 24 h", "in 48 h"]
    return f"<h2>What was injected</h2>\n{_table(names, rows, 2)}" if rows else ""


def _asked(report: Report) -> str:
    rows = [
        [said.rules, one.rule, f"{one.asked:g}", number(one.measured), number(one.settled),
         number(None if one.settled is None else one.settled / one.asked)]
        for said in report.sets for one in levels(said, report)
    ]  # fmt: skip
    names = ["rules", "rule", "asked", "measured", "from 2nd month", "factor"]
    return f"<h2>False alarms asked for and measured, a household-year</h2>\n{_table(names, rows, 2)}" if rows else ""


def _alerts(report: Report) -> str:
    rows = [
        [said.rules, one.rule or "all together", one.kind.value, f"{one.alerts:,}", f"{one.homes:,}",
         number(one.per_year), number(one.settled_per_year), number(one.per_1000_days)]
        for said in report.sets for told in [counts(said, report)] for one in told
        if one.rule is not None or sum(other.kind is one.kind for other in told) > 2  # else its one rule says the same
    ]  # fmt: skip
    names = ["rules", "rule", "kind", "alerts", "homes", "a year", "from 2nd month", "1,000 days"]
    return f"<h2>Alerts by rule and kind</h2>\n{_table(names, rows, 3)}"


def _worst(report: Report, most: int) -> str:
    total: Counter[str] = Counter()
    for said in report.sets:
        total.update(dict(worst(said, most)))
    shown = []
    for household, _ in total.most_common(most):
        watched = report.households[household]
        told = []
        for said in report.sets:
            count = sum(one.household == household for one in said.alerts)
            told.append(
                f"{escape(said.rules)} {number(count / (watched.span / YEAR) if watched.span else None)} a year"
            )
        days = f"{watched.span / DAY:.0f} days watched"
        judged = f", {watched.covered / watched.span:.0%} judged" if watched.span else ""
        shown.append(
            f"<h3>{escape(household)}</h3>\n<p class='soft'>{days}{judged}; {'; '.join(told)}</p>\n"
            + pictures.timeline(household, watched, report)
        )
    if not shown:
        return ""
    return f"<h2>Households with most alerts</h2>\n{pictures.kinds(report)}\n" + "\n".join(shown)


def _table(names: Sequence[str], rows: Iterable[Sequence[str]], text: int = 1) -> str:
    """Return a table whose first `text` columns are words, the others numbers."""
    head = "".join(f'<th{_name(at, text)} scope="col">{escape(name)}</th>' for at, name in enumerate(names))
    body = "".join(
        "<tr>" + "".join(f"<td{_name(at, text)}>{escape(cell)}</td>" for at, cell in enumerate(row)) + "</tr>\n"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>'


def _name(at: int, text: int) -> str:
    return ' class="name"' if at < text else ""
