// Draws every figure.chart: what a sensor told, bucket by bucket, over the habit of its home; and where it was silent.
// What was not reported is left out, what was not used is a line on the ground: silence is not zero.
"use strict";

(() => {
  const HEIGHT = 220;
  const REFRESH = 300000; // ms: a chart that reaches into the future goes on
  const FEW = 60; // values of which each is a dot as well
  const { LETTERS, language, word, digits, unitOf, long, made, paint, mixPaint, hatch } = chartLook;

  // -- one chart: what the server told, in the numbers that are drawn -----------------------------------------------------
  class Drawing {
    constructor(figure, chart) {
      const seconds = (moment) => Date.parse(moment) / 1000;
      const spans = (kind, found) => found.map((one) => ({ ...one, kind, begin: seconds(one.begin), end: seconds(one.end) }));
      this.figure = figure;
      this.chart = chart;
      this.edges = [...chart.times, seconds(chart.stop)];
      this.middles = chart.times.map((begin, at) => (begin + this.edges[at + 1]) / 2);
      this.spans = [
        ...spans("maintenance", chart.maintenance), ...spans("absence", chart.absences), ...spans("gap", chart.gaps),
      ];
      this.gaps = this.spans.filter((one) => one.kind === "gap");
      this.onset = figure.dataset.onset ? Number(figure.dataset.onset) / 1000 : null;
      const known = [...chart.values, ...(chart.habit ? [...chart.habit.high, ...chart.habit.low] : [])]
        .filter((value) => value !== null);
      this.most = known.length ? Math.max(...known) : 0;
      this.least = known.length ? Math.min(...known) : 0;
      this.unit = unitOf(chart.unit, this.most);
      this.switches = ["alarm", "tamper"].includes(chart.quantity);
      this.at = new Intl.DateTimeFormat(language, {
        timeZone: chart.zone, weekday: "short", day: "numeric", month: "short",
        ...(chart.width < 86400 ? { hour: "2-digit", minute: "2-digit", hour12: false } : { year: "numeric" }),
      });
    }

    number(value) {
      return digits.format(value * this.unit.factor);
    }

    amount(value, unit = this.unit) {
      return `${digits.format(value * unit.factor)} ${unit.name}`.trim();
    }

    when(at) {
      return this.at.format(this.chart.times[at] * 1000);
    }

    usual(at) {
      const habit = this.chart.habit;
      if (!habit || habit.low[at] === null) return "";
      return `${this.number(habit.low[at])}–${this.amount(habit.high[at])}`;
    }

    remark(at) {
      const touching = this.spans.filter((one) => one.begin < this.edges[at + 1] && one.end > this.edges[at]);
      return touching.map((one) => {
        if (one.kind === "gap") return one.use === null ? word("gap") : word("meanwhile", { use: this.amount(one.use) });
        return one.reason ? `${word(one.kind)}: ${one.reason}` : word(one.kind);
      }).join("; ");
    }

    told(at) { // one bucket in words
      const value = this.chart.values[at];
      const parts = [value === null ? word("nothing") : this.amount(value)];
      if (this.usual(at)) parts.push(word("usually", { range: this.usual(at) }));
      if (this.remark(at)) parts.push(this.remark(at));
      return `${this.when(at)}: ${parts.join(" · ")}`;
    }

    summary() { // the whole in words
      const { values, habit, measure } = this.chart;
      const known = values.filter((value) => value !== null);
      const said = [];
      if (!known.length) {
        said.push(word("none"));
      } else if (measure === "use") {
        const total = known.reduce((sum, value) => sum + value, 0);
        said.push(word("total", { amount: this.amount(total, unitOf(this.chart.unit, total)) }));
      } else {
        const [low, high, last] = [Math.min(...known), Math.max(...known), known.at(-1)];
        said.push(word("between", { low: this.amount(low), high: this.amount(high), last: this.amount(last) }));
      }
      const judged = habit ? values.map((value, at) => [value, habit.low[at], habit.high[at]])
        .filter(([value, low]) => value !== null && low !== null) : [];
      if (judged.length) {
        const above = judged.filter(([value, , high]) => value > high).length;
        const below = judged.filter(([value, low]) => value < low).length;
        said.push(word("compared", { known: judged.length, above, below }));
      }
      if (this.gaps.length) {
        const from = this.edges[0], to = this.edges.at(-1);
        const silent = this.gaps.reduce((sum, one) => sum + Math.min(one.end, to) - Math.max(one.begin, from), 0);
        said.push(word("silent", { n: this.gaps.length, long: long(silent) }));
      }
      return said.join(" ");
    }

    // -- on the canvas: u.bbox and positions are in its own pixels ---------------------------------------------------------
    x(u, moment) { return u.valToPos(moment, "x", true); }
    y(u, value) { return u.valToPos(value, "y", true); }

    within(u, draw) {
      const { ctx, bbox } = u;
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
      ctx.clip();
      draw(ctx, uPlot.pxRatio);
      ctx.restore();
    }

    ground(u) { // what lies below the axes' lines
      this.within(u, (ctx, ratio) => {
        for (const one of this.spans) {
          const left = Math.max(this.x(u, one.begin), u.bbox.left);
          const right = Math.min(this.x(u, one.end), u.bbox.left + u.bbox.width);
          if (right <= left) continue;
          ctx.fillStyle = hatch(ctx, one.kind);
          ctx.fillRect(left, u.bbox.top, Math.max(right - left, ratio), u.bbox.height);
        }
      });
    }

    figures(u) {
      this.within(u, (ctx, ratio) => {
        this.band(u, ctx, ratio);
        if (this.chart.measure === "use") this.bars(u, ctx, ratio); else this.line(u, ctx, ratio);
        this.median(u, ctx, ratio);
        this.labels(u, ctx, ratio);
      });
    }

    band(u, ctx, ratio) {
      const habit = this.chart.habit;
      if (!habit) return;
      ctx.globalAlpha = 0.22;
      ctx.fillStyle = paint.accent;
      habit.low.forEach((low, at) => {
        if (low === null) return;
        const left = Math.round(this.x(u, this.edges[at])), right = Math.round(this.x(u, this.edges[at + 1]));
        const top = this.y(u, habit.high[at]), bottom = this.y(u, low);
        ctx.fillRect(left, Math.min(top, bottom - ratio), right - left, Math.max(bottom - top, ratio));
      });
      ctx.globalAlpha = 1;
    }

    bars(u, ctx, ratio) {
      ctx.fillStyle = paint.accent;
      const floor = this.y(u, 0);
      this.chart.values.forEach((value, at) => {
        if (value === null) return;
        const left = this.x(u, this.edges[at]), wide = this.x(u, this.edges[at + 1]) - left;
        const air = Math.min(wide * 0.3, 3 * ratio);
        const high = Math.max(floor - this.y(u, value), 1.5 * ratio);
        ctx.fillRect(left + air / 2, floor - high, Math.max(wide - air, 0.6 * ratio), high);
      });
    }

    line(u, ctx, ratio) {
      ctx.strokeStyle = ctx.fillStyle = paint.accent;
      ctx.lineWidth = 2 * ratio;
      ctx.lineJoin = "round";
      const points = this.chart.values.map((value, at) => [this.middles[at], value]).filter(([, value]) => value !== null);
      ctx.beginPath();
      points.forEach(([moment, value], at) => {
        const before = at ? points[at - 1][0] : null;
        const cut = before === null || this.gaps.some((one) => one.begin < moment && one.end > before);
        if (!cut && this.switches) ctx.lineTo(this.x(u, moment), this.y(u, points[at - 1][1])); // on or off, nothing between
        ctx[cut ? "moveTo" : "lineTo"](this.x(u, moment), this.y(u, value));
      });
      ctx.stroke();
      if (points.length > FEW) return;
      for (const [moment, value] of points) {
        ctx.beginPath();
        ctx.arc(this.x(u, moment), this.y(u, value), 2.5 * ratio, 0, 2 * Math.PI);
        ctx.fill();
      }
    }

    median(u, ctx, ratio) {
      const habit = this.chart.habit;
      if (!habit) return;
      ctx.strokeStyle = paint.ink;
      ctx.lineWidth = 1.25 * ratio;
      ctx.setLineDash([4 * ratio, 3 * ratio]);
      ctx.beginPath();
      let drawing = false;
      habit.usual.forEach((usual, at) => {
        if (usual !== null) {
          ctx[drawing ? "lineTo" : "moveTo"](this.x(u, this.edges[at]), this.y(u, usual));
          ctx.lineTo(this.x(u, this.edges[at + 1]), this.y(u, usual));
        }
        drawing = usual !== null;
      });
      ctx.stroke();
      ctx.setLineDash([]);
    }

    labels(u, ctx, ratio) {
      ctx.font = `${12 * ratio}px ${LETTERS}`;
      ctx.textBaseline = "middle";
      ctx.textAlign = "left"; // uPlot leaves what its axes need
      const row = 16 * ratio, edge = u.bbox.left + u.bbox.width;
      const plate = (text, left, top, colour) => {
        const wide = ctx.measureText(text).width + 8 * ratio;
        ctx.fillStyle = paint.paper;
        ctx.fillRect(left, top, wide, row);
        ctx.fillStyle = colour;
        ctx.fillText(text, left + 4 * ratio, top + row / 2);
      };
      for (const one of this.spans) {
        const text = word(one.kind);
        const left = Math.max(this.x(u, one.begin), u.bbox.left), right = Math.min(this.x(u, one.end), edge);
        const wide = ctx.measureText(text).width + 8 * ratio;
        if (right - left >= wide) plate(text, (left + right - wide) / 2, u.bbox.top + 1.5 * row, paint.ink);
      }
      if (this.onset === null || this.onset < this.edges[0] || this.onset > this.edges.at(-1)) return;
      const x = this.x(u, this.onset), text = `▼ ${word("onset")}`;
      ctx.strokeStyle = paint.urgent;
      ctx.lineWidth = 2 * ratio;
      ctx.beginPath();
      ctx.moveTo(x, u.bbox.top);
      ctx.lineTo(x, u.bbox.top + u.bbox.height);
      ctx.stroke();
      const wide = ctx.measureText(text).width + 8 * ratio;
      plate(text, x + wide > edge ? x - wide : x, u.bbox.top, paint.urgent);
    }

    // -- uPlot: axes, scales and the pointer -----------------------------------------------------------------------------------
    ends() {
      if (this.chart.unit === "%EL") return [0, 100];
      if (this.chart.unit === "Cel") {
        const air = Math.max(this.most - this.least, 4) * 0.1;
        return [this.least - air, this.most + air];
      }
      return [Math.min(this.least, 0) * 1.1, (this.most || 1) * 1.12];
    }

    ticks(splits, step) { // a name for each line of the axis of time
      const form = (how) => new Intl.DateTimeFormat(language, { timeZone: this.chart.zone, ...how });
      const clock = form({ hour: "2-digit", minute: "2-digit", hour12: false });
      const day = form({ day: "numeric", month: this.chart.width < 86400 || language !== "en-GB" ? "numeric" : "short" });
      const month = form({ month: "short" });
      return splits.map((moment) => {
        const name = clock.format(moment * 1000);
        if (step >= 28 * 86400) return month.format(moment * 1000);
        return step >= 86400 || name === "00:00" || name === "24:00" ? day.format(moment * 1000) : name;
      });
    }

    amounts(splits) { // the highest with its unit
      const names = splits.map((value) => this.number(value));
      if (this.unit.name) names[names.length - 1] += ` ${this.unit.name}`;
      return names;
    }

    options(width, say) {
      const axis = { stroke: () => paint.soft, font: `12px ${LETTERS}`, ticks: { stroke: () => paint.rule, size: 4 }, grid: { stroke: () => paint.rule, width: 1 } };
      return {
        width, height: HEIGHT,
        tzDate: (moment) => uPlot.tzDate(new Date(moment * 1000), this.chart.zone),
        legend: { show: false },
        cursor: { y: false, points: { show: false }, drag: { x: false, y: false, setScale: false } },
        scales: { x: { time: true, range: () => [this.edges[0], this.edges.at(-1)] }, y: { range: () => this.ends() } },
        axes: [
          { ...axis, space: 56, size: 30, values: (_u, splits, _axis, _space, step) => this.ticks(splits, step) },
          { ...axis, space: 34, size: 60, ...(this.switches ? { incrs: [1] } : {}), values: (_u, splits) => this.amounts(splits) },
        ],
        series: [{}, { paths: () => null, points: { show: false } }],
        hooks: {
          drawClear: [(u) => this.ground(u)],
          draw: [(u) => this.figures(u)],
          setCursor: [(u) => say(u.cursor.idx == null || u.cursor.left < 0 ? "" : this.told(u.cursor.idx))],
        },
      };
    }
  }

  // -- the figure around the canvas: caption, words, legend, table -----------------------------------------------------------
  function legend(drawing) {
    const list = made("ul", "chart-keys");
    const { measure, width } = drawing.chart, unit = drawing.unit.name ? ` (${drawing.unit.name})` : "";
    const keys = [[true, measure === "use" ? "bar" : "line", word(measure, { per: word(`per${width}`) }) + unit]];
    keys.push([drawing.chart.habit !== null, "habit", word("habit")]);
    keys.push([drawing.chart.habit !== null, "median", word("median")]);
    for (const kind of ["gap", "absence", "maintenance"]) {
      keys.push([drawing.spans.some((one) => one.kind === kind), kind, word(kind)]);
    }
    for (const [present, kind, text] of keys) {
      if (!present) continue;
      const item = list.appendChild(document.createElement("li"));
      item.append(made("i", `key-${kind}`), text);
    }
    return list;
  }

  function table(drawing) {
    const details = made("details", "");
    details.append(made("summary", "", word("table")));
    details.addEventListener("toggle", () => {
      if (details.children.length > 1) return;
      const around = details.appendChild(made("div", "chart-table"));
      around.tabIndex = 0;
      around.setAttribute("role", "region");
      around.setAttribute("aria-label", `${drawing.figure.dataset.title}: ${word("table")}`);
      const rows = around.appendChild(document.createElement("table"));
      const head = rows.createTHead().insertRow();
      for (const name of ["time", "value", "range", "remark"]) {
        head.append(Object.assign(made("th", "", word(name)), { scope: "col" }));
      }
      const body = rows.createTBody();
      drawing.chart.times.forEach((_moment, at) => {
        const row = body.insertRow(), value = drawing.chart.values[at];
        row.append(Object.assign(made("th", "", drawing.when(at)), { scope: "row" }));
        for (const text of [value === null ? "–" : drawing.amount(value), drawing.usual(at), drawing.remark(at)]) {
          row.insertCell().textContent = text;
        }
      });
    });
    return details;
  }

  function show(figure, chart) {
    figure.drawing?.u.destroy();
    figure.sized?.disconnect();
    for (const child of [...figure.children]) if (child.tagName !== "FIGCAPTION") child.remove();
    const drawing = new Drawing(figure, chart);
    const summary = drawing.summary();
    const plot = made("div", "plot"), readout = made("p", "readout muted", summary);
    Object.assign(plot, { tabIndex: 0 });
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", `${figure.dataset.title}. ${summary} ${word("keys")}`);
    readout.setAttribute("aria-live", "polite");
    figure.append(plot, readout, legend(drawing), table(drawing));
    const u = new uPlot(
      drawing.options(plot.clientWidth, (text) => { readout.textContent = text || summary; }),
      [drawing.middles, chart.values], plot,
    );
    drawing.u = u;
    figure.drawing = drawing;
    figure.sized = new ResizeObserver(() => {
      if (plot.clientWidth && plot.clientWidth !== u.width) u.setSize({ width: plot.clientWidth, height: HEIGHT });
    });
    figure.sized.observe(plot);
    plot.addEventListener("keydown", (event) => step(event, u, drawing));
    plot.addEventListener("blur", () => u.setCursor({ left: -10, top: -10 }));
  }

  function step(event, u, drawing) {
    const last = drawing.middles.length - 1, at = u.cursor.idx ?? -1;
    const to = { ArrowRight: Math.min(at + 1, last), ArrowLeft: at < 0 ? last : Math.max(at - 1, 0), Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    u.setCursor({ left: u.valToPos(drawing.middles[to], "x"), top: u.bbox.height / 2 / uPlot.pxRatio });
  }

  async function load(figure) {
    try {
      const answer = await fetch(figure.dataset.src, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(`${answer.status}`);
      show(figure, await answer.json());
    } catch (error) {
      if (figure.drawing) return; // the old picture is better than none
      figure.querySelector(".pending")?.replaceChildren(word("failed"));
      console.warn("chart", figure.dataset.src, error);
    }
  }

  // -- which figures, and when -------------------------------------------------------------------------------------------------
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      load(entry.target);
    }
  }, { rootMargin: "300px" });

  function begin() {
    for (const figure of document.querySelectorAll("figure.chart:not([data-begun])")) {
      figure.dataset.begun = "";
      near.observe(figure);
    }
  }

  function repaint() {
    mixPaint();
    for (const figure of document.querySelectorAll("figure.chart")) figure.drawing?.u.redraw(false);
  }

  mixPaint();
  begin();
  document.body.addEventListener("htmx:load", begin);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  new MutationObserver(repaint).observe(document.documentElement, { attributes: true, attributeFilter: ["class", "data-theme"] });
  setInterval(() => {
    if (document.visibilityState !== "visible") return;
    for (const figure of document.querySelectorAll("figure.chart[data-moving]")) {
      const busy = figure.contains(document.activeElement) || figure.matches(":hover") || figure.querySelector("details[open]");
      if (figure.drawing && !busy) load(figure);
    }
  }, REFRESH);
})();
