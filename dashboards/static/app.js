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
  let lost = 0, stream = null;
  function listen() {
    const asked = new URLSearchParams();
    for (const part of document.querySelectorAll("[data-sent]")) asked.append("part", part.getAttribute("hx-get"));
    const own = stream = new EventSource(`${document.body.dataset.events}?${asked}`);
    const heard = (event) => { known = { town: Number(event.data), here: performance.now() }; };
    own.addEventListener("clock", heard);
    own.addEventListener("change", (event) => {
      heard(event);
      for (const part of document.querySelectorAll('[hx-trigger*="sse:change"]')) htmx.trigger(part, "sse:change");
    });
    own.addEventListener("part", (event) => {
      const sent = JSON.parse(event.data);
      for (const part of document.querySelectorAll("[data-sent]")) if (part.getAttribute("hx-get") === sent.part) show(part, sent.html);
    });
    own.addEventListener("signed-out", () => location.reload()); // to the door: the session was ended
    own.onopen = () => {
      clearTimeout(lost);
      banner.hidden = true;
    };
    own.onerror = () => {
      clearTimeout(lost);
      lost = setTimeout(() => { banner.hidden = false; }, 1500); // a stream that is renewed is not interrupted
      if (own.readyState === EventSource.CLOSED) setTimeout(() => { if (stream === own) listen(); }, 3000);
    };
  }
  // A browser keeps six connections to a host: tabs that nobody looks at leave them to the others, but for a board, which
  // calls with its title and its tone.
  function rest() {
    if (!document.hidden && !stream) listen();
    else if (document.hidden && stream && !document.getElementById("sound")) {
      stream.close();
      stream = null;
    }
  }
  if (document.body.dataset.events) {
    listen();
    document.addEventListener("visibilitychange", rest);
  }

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

  // Where the reader's hand is: the card under the pointer or with the focus, and what in it has the focus.
  const FOCUSABLE = "a[href], button, summary, input, select, textarea";
  let anchor = null, focused = null;
  const within = (holder) => [...holder.querySelectorAll(FOCUSABLE)];
  function hand(part) {
    const active = part.contains(document.activeElement) ? document.activeElement : null;
    const card = active?.closest("[data-key]");
    const cards = [...part.querySelectorAll("[data-key]")];
    focused = active && { key: card?.dataset.key, place: cards.indexOf(card), nth: within(card ?? part).indexOf(active) };
    const held = [...part.querySelectorAll("[data-key]:hover")].pop() ?? card;
    anchor = held ? { part, key: held.dataset.key, top: held.getBoundingClientRect().top } : null;
    part.opened = [...part.querySelectorAll("details[data-keep][open]")].map((details) => details.id);
  }
  function focusAgain(part) {
    const cards = [...part.querySelectorAll("[data-key]")];
    const same = cards.find((card) => card.dataset.key === focused.key);
    const holder = focused.key === undefined ? part : same ?? cards[Math.min(focused.place, cards.length - 1)];
    const those = holder ? within(holder) : [];
    (same || holder === part ? those[focused.nth] ?? those[0] : those[0])?.focus({ preventScroll: true });
    focused = null;
  }

  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.target;
    if (!part.matches("[data-live]") || !event.detail.shouldSwap) return;
    if (held(event, part)) event.detail.shouldSwap = false;
    else hand(part);
  });
  function show(part, html) { // what the stream sent, as if it had been fetched
    if (part.classList.contains("htmx-request")) htmx.trigger(part, "wake"); // what is on its way may be older: once more
    else if (busy(part)) part.toggleAttribute("data-stale", true);
    else {
      part.removeAttribute("data-stale");
      hand(part);
      htmx.swap(part, html, { swapStyle: "innerHTML" }, { eventInfo: { target: part } });
    }
  }
  document.body.addEventListener("htmx:afterSwap", (event) => {
    const part = event.detail.target;
    for (const id of part.opened ?? []) document.getElementById(id)?.setAttribute("open", "");
    if (anchor?.part === part) {
      const card = part.querySelector(`[data-key="${CSS.escape(anchor.key)}"]`);
      if (card) window.scrollBy(0, card.getBoundingClientRect().top - anchor.top);
      anchor = null;
    }
    if (focused) focusAgain(part);
    tick();
  });
  setInterval(() => {
    for (const part of document.querySelectorAll("[data-live][data-stale]")) {
      if (!busy(part)) htmx.trigger(part, "wake");
    }
  }, 500);

  // -- what was done, with a way back, and what was refused, as the server says it ------------------------------------
  const toast = document.getElementById("toast");
  let hide = 0;
  function tell(text, undo) {
    toast.replaceChildren(text);
    if (undo) {
      const back = document.createElement("button");
      back.textContent = toast.dataset.undo;
      const key = document.createElement("kbd");
      key.textContent = "U";
      back.append(key);
      back.addEventListener("click", () => {
        toast.hidden = true;
        htmx.ajax("POST", undo, { source: toast, swap: "none" });
      });
      toast.append(back);
    }
    toast.hidden = false;
    clearTimeout(hide);
    hide = setTimeout(() => { toast.hidden = true; }, undo ? 15000 : 8000);
  }
  document.body.addEventListener("done", (event) => tell(event.detail.text, event.detail.undo));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "u" || event.ctrlKey || event.metaKey || event.altKey || toast.hidden) return;
    if (!event.target.matches("input, select, textarea")) toast.querySelector("button")?.click();
  });
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
      if (!event.detail.xhr.getResponseHeader("HX-Trigger")?.includes('"done"')) toast.hidden = true;
    }
  });
  document.addEventListener("click", (event) => { // a menu closes when something else is meant
    const menu = document.getElementById("menu");
    if (menu?.open && !menu.contains(event.target)) menu.open = false;
  });
})();
