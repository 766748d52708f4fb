// How charts speak and what they are painted with: words and units in the page's language, colours of the style sheet.
"use strict";

const chartLook = (() => {
  const LETTERS = "system-ui, -apple-system, \"PingFang SC\", \"Microsoft YaHei\", \"Noto Sans CJK SC\", sans-serif";
  const language = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;

  // -- words and numbers: texts come from the page, in its language ---------------------------------------------------
  const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const word = (name, values = {}) => filled(document.getElementById("chart-words").dataset[name], values);
  const digits = new Intl.NumberFormat(language, { maximumSignificantDigits: 3 });

  function unitOf(unit, most) {
    if (unit === "Wh" && most >= 1000) return { name: "kWh", factor: 0.001 };
    if (unit === "l" && most >= 10000) return { name: "m³", factor: 0.001 };
    return { name: { l: "L", Cel: "°C", "%EL": "%" }[unit] ?? unit, factor: 1 };
  }

  function long(seconds) { // as `span` of the server and of app.js says it
    const clock = document.getElementById("clock").dataset;
    const days = Math.floor(seconds / 86400), hours = Math.floor(seconds / 3600) % 24;
    const minutes = Math.floor(seconds / 60) % 60;
    if (days) return filled(clock.days, { days, hours });
    return hours ? filled(clock.hours, { hours, minutes }) : filled(clock.minutes, { minutes });
  }

  const made = (name, className, text = "") =>
    Object.assign(document.createElement(name), { className, textContent: text });

  // -- colours: whatever the style sheet says at this moment, in light and in dark ---------------------------------------
  const paint = {};
  function mixPaint() {
    const probe = document.body.appendChild(document.createElement("i"));
    for (const name of ["ink", "soft", "rule", "paper", "accent", "urgent", "medium"]) {
      probe.style.color = `var(--${name})`;
      paint[name] = getComputedStyle(probe).color;
    }
    probe.remove();
  }

  // A time that is shaded has lines or dots of its own: colour alone tells nobody anything.
  function hatch(context, kind) {
    const ratio = uPlot.pxRatio, size = Math.round(8 * ratio);
    const tile = Object.assign(document.createElement("canvas"), { width: size, height: size });
    const brush = tile.getContext("2d");
    brush.strokeStyle = brush.fillStyle = kind === "gap" ? paint.soft : kind === "absence" ? paint.accent : paint.medium;
    brush.lineWidth = ratio;
    brush.globalAlpha = 0.55;
    brush.beginPath();
    if (kind === "gap") {
      for (const shift of [-size, 0, size]) {
        brush.moveTo(shift - 1, size + 1);
        brush.lineTo(shift + size + 1, -1);
      }
    } else if (kind === "absence") {
      brush.arc(size / 2, size / 2, 1.3 * ratio, 0, 2 * Math.PI);
    } else {
      brush.moveTo(0, size / 2);
      brush.lineTo(size, size / 2);
    }
    if (kind === "absence") brush.fill(); else brush.stroke();
    return context.createPattern(tile, "repeat");
  }

  return { LETTERS, language, word, digits, unitOf, long, made, paint, mixPaint, hatch };
})();
