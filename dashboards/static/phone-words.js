// How a caseworker's phone says things: in the words the page brought, by the service's clock, in the household's zone.
"use strict";

const spoken = (() => {
  const LOCALE = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
  const $ = (id) => document.getElementById(id);
  const zone = document.body.dataset.zone;
  const words = Object.fromEntries(
    [...$("words").content.children].map((one) => [one.dataset.name, one.textContent]),
  );
  const say = (name, values = {}) => words[name].replace(/\{(\w+)\}/g, (_, of) => values[of]);

  // -- time: the service's clock goes on here at its own speed ---------------------------------------------------------
  let told = null; // {list, heard}: what the service said last, and when by this phone's clock
  const now = () => Date.parse(told.list.now) + (Date.now() - told.heard) * told.list.speed;
  function heard(what) {
    told = what;
    return what;
  }

  function span(milliseconds) { // says it as `span` of the server does
    const seconds = Math.max(0, Math.floor(milliseconds / 1000));
    const days = Math.floor(seconds / 86400), hours = Math.floor(seconds / 3600) % 24;
    const minutes = Math.floor(seconds / 60) % 60;
    if (days) return say("days", { days, hours });
    if (hours) return say("hours", { hours, minutes });
    return minutes ? say("minutes", { minutes }) : say("seconds", { seconds });
  }

  function moment(when, where = zone) { // the hour; the day too when it is not today's
    const day = new Intl.DateTimeFormat("en-CA", { timeZone: where });
    const far = told && day.format(when) !== day.format(now());
    return new Intl.DateTimeFormat(LOCALE, {
      hour: "2-digit", minute: "2-digit", hour12: false, timeZone: where,
      ...(far ? { day: "numeric", month: "short" } : {}),
    }).format(when);
  }

  function tick() {
    for (const element of document.querySelectorAll("[data-due][datetime]")) {
      const left = Date.parse(element.dateTime) - now();
      element.classList.toggle("late", left < 0);
      put(element, `${say(left < 0 ? "late" : "in")} ${span(Math.abs(left))}`);
    }
  }

  function put(element, text) {
    if (element.textContent !== text) element.textContent = text;
    element.hidden = !text;
  }

  return { $, heard, moment, now, put, say, tick };
})();
