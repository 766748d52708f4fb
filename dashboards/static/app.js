// The clock, the countdowns, and good manners of live updates: nothing moves under a hand, no form loses a word.
"use strict";

(() => {
  const HOLD_AFTER_MOVE = 4000; // ms: a pointer that has rested longer over a button is not about to press it

  // -- time: the server's clock goes on here at its own speed until the next word from it ------------------------
  const clock = document.getElementById("clock");
  const speed = Number(clock.dataset.speed);
  let known = { town: Number(clock.dataset.now), here: performance.now() };
  const now = () => known.town + (performance.now() - known.here) * speed;
  const face = new Intl.DateTimeFormat(document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang, {
    weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
    second: speed > 10 ? undefined : "2-digit", hour12: false, timeZone: clock.dataset.zone,
  });

  function span(milliseconds) { // says it as `span` of the server does
    const seconds = Math.max(0, Math.floor(milliseconds / 1000));
    const days = Math.floor(seconds / 86400), hours = Math.floor(seconds / 3600) % 24;
    const minutes = Math.floor(seconds / 60) % 60;
    const told = (how, values) => clock.dataset[how].replace(/\{(\w+)\}/g, (_, name) => values[name]);
    if (days) return told("days", { days, hours });
    if (hours) return told("hours", { hours, minutes });
    const rest = told("seconds", { seconds: seconds % 60 });
    if (minutes) return told("minutes", { minutes }) + (seconds < 600 && speed <= 10 ? ` ${rest}` : "");
    return rest;
  }

  function say(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function tick() {
    const moment = now();
    say(clock, face.format(moment));
    for (const element of document.querySelectorAll("[data-due]")) {
      const left = Number(element.dataset.due) - moment;
      element.classList.toggle("late", left < 0);
      say(element, `${left < 0 ? element.dataset.late : element.dataset.in} ${span(Math.abs(left))}`);
    }
    for (const element of document.querySelectorAll("[data-since]")) {
      say(element, span(moment - Number(element.dataset.since)));
    }
  }
  setInterval(tick, speed > 10 ? 250 : 1000);
  tick();

  // -- live: the stream says the time with everything it says ------------------------------------------------------
  const banner = document.getElementById("offline");
  const heard = (event) => { known = { town: Number(event.data), here: performance.now() }; };
  document.body.addEventListener("htmx:sseOpen", (event) => {
    banner.hidden = true;
    event.detail.source.addEventListener("clock", heard);
    event.detail.source.addEventListener("change", heard);
  });
  document.body.addEventListener("htmx:sseError", () => { banner.hidden = false; });

  // -- manners -----------------------------------------------------------------------------------------------------
  let moved = -Infinity;
  document.addEventListener("pointermove", () => { moved = performance.now(); }, { passive: true });

  function edited(form) {
    return [...form.querySelectorAll("input, textarea, select")].some((field) => {
      if (field.matches("[type=radio], [type=checkbox]")) return field.checked !== field.defaultChecked;
      if (field.matches("select")) return field.selectedIndex !== 0; // the first choice is the usual one
      return field.value !== field.defaultValue;
    });
  }

  // What its own reader just did shows at once; only another form's words are still kept.
  function busy(part, trigger) {
    if ([...part.querySelectorAll("form")].some((form) => form !== trigger?.target && edited(form))) return true;
    if (trigger?.type === "refresh") return false;
    const active = document.activeElement;
    if (part.contains(active) && active.matches("input, select, textarea")) return true;
    return matchMedia("(hover: hover)").matches && performance.now() - moved < HOLD_AFTER_MOVE
      && part.querySelector(":is(button, summary, label, .sentence a):hover") !== null;
  }

  function held(event, part) {
    const wait = part.matches("[data-live]") && busy(part, event.detail.requestConfig.triggeringEvent);
    part.toggleAttribute("data-stale", wait);
    return wait;
  }

  document.body.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.matches("[data-live]") && held(event, event.detail.elt)) event.preventDefault();
  });

  let anchor = null;
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.target;
    if (!part.matches("[data-live]") || !event.detail.shouldSwap) return;
    if (held(event, part)) {
      event.detail.shouldSwap = false;
      return;
    }
    const card = [...part.querySelectorAll("[data-key]:hover")].pop();
    anchor = card ? { part, key: card.dataset.key, top: card.getBoundingClientRect().top } : null;
    part.opened = [...part.querySelectorAll("details[data-keep][open]")].map((details) => details.id);
  });
  document.body.addEventListener("htmx:afterSwap", (event) => {
    const part = event.detail.target;
    for (const id of part.opened ?? []) document.getElementById(id)?.setAttribute("open", "");
    if (anchor?.part === part) {
      const card = part.querySelector(`[data-key="${CSS.escape(anchor.key)}"]`);
      if (card) window.scrollBy(0, card.getBoundingClientRect().top - anchor.top);
      anchor = null;
    }
    tick();
  });
  setInterval(() => {
    for (const part of document.querySelectorAll("[data-live][data-stale]")) {
      if (!busy(part)) htmx.trigger(part, "wake");
    }
  }, 500);

  // -- refusals: what went wrong, and what to do, as the server says it ------------------------------------------------
  const toast = document.getElementById("toast");
  let hide = 0;
  function tell(text) {
    toast.textContent = text;
    toast.hidden = false;
    clearTimeout(hide);
    hide = setTimeout(() => { toast.hidden = true; }, 8000);
  }
  document.body.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401) {
      location.reload();
      return;
    }
    try {
      tell(JSON.parse(event.detail.xhr.responseText).detail);
    } catch {
      tell(`${event.detail.xhr.status} ${event.detail.xhr.statusText}`);
    }
  });
  document.body.addEventListener("htmx:sendError", () => { banner.hidden = false; });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt;
    if (form.tagName === "FORM" && event.detail.successful) {
      form.reset();
      form.closest("details")?.removeAttribute("open");
      toast.hidden = true;
    }
  });
})();
