// A caseworker's tasks: a list, one task, its outcome, and giving it away. What is done shows at once and is marked until
// the service has it; what the service could not do is told in words and stays until it was read.
"use strict";

(() => {
  const ASK_EVERY = 60000; // ms: changes are told by the stream; this is for a network that swallows it
  const PAUSES = [2000, 4000, 8000, 15000, 30000, 60000]; // ms between attempts to send
  const GOES = ["visit", "maintenance"]; // tasks for which somebody goes to the household

  const { $, moment, now, put, say, tick } = spoken;

  let told = null; // {list, heard}: what the service said, and when by this phone's clock
  let mine = []; // what was done here, as long as the list does not know of it or nobody has read why not
  let open = null; // the task that is looked at
  let network = ""; // "" fresh, "offline", "busy", "never"
  let here = null; // {latitude, longitude}, once asked for; it never leaves this phone

  // -- tasks as they are once everything that waits here has been sent -------------------------------------------------
  const waits = (action) => action.state === "waiting";
  const refused = (action) => action.state === "refused";

  function ahead(task) {
    const own = mine.filter((one) => one.task === task.id && !refused(one)), sent = own.map((one) => one.verb);
    const at = (verb, known) => known ?? (sent.includes(verb) ? true : null);
    const taken = sent.includes("accept");
    return {
      ...task, waiting: own.some(waits),
      accepted: task.accepted || taken, offered: task.offered && !taken,
      set_out_at: at("on-my-way", task.set_out_at), arrived_at: at("arrived", task.arrived_at),
      gone: sent.includes("outcome") || sent.includes("refuse"),
    };
  }

  const all = () => (told ? told.list.tasks.map(ahead) : []);

  function next(task) { // the one thing to do now: a verb, and the words on its button
    if (task.offered) return ["accept", say("take-over")];
    if (!task.accepted) return ["accept", say(task.kind === "visit" ? "go" : "do")];
    if (GOES.includes(task.kind) && !task.arrived_at) {
      return task.set_out_at ? ["arrived", say("arrived")] : ["on-my-way", say("on-my-way")];
    }
    return ["write", say("write-down")];
  }

  const stage = (task) => (task.arrived_at ? "there" : task.set_out_at ? "set-out" : task.accepted ? "accepted" : "");
  const title = (task) => (task.follow_up ? say("follow-up") : say(`kind-${task.kind}`));
  const place = (task) => task.address || task.household;
  const home = (task) => [task.household, task.area_name].filter(Boolean).join(" · ");

  function metres(task) { // along the great circle of a sphere of 6371 km; null if either end is not known
    if (!here || task.latitude === null) return null;
    const rad = Math.PI / 180, a = here.latitude * rad, b = task.latitude * rad;
    const across = (task.longitude - here.longitude) * rad;
    const half = Math.sin((b - a) / 2) ** 2 + Math.cos(a) * Math.cos(b) * Math.sin(across / 2) ** 2;
    return 2 * 6371000 * Math.asin(Math.sqrt(half));
  }

  function distance(task) {
    const far = metres(task);
    if (far === null) return "";
    return far < 950 ? say("metres", { n: Math.round(far / 50) * 50 }) : say("kilometres", { n: (far / 1000).toFixed(1) });
  }

  // -- drawing -------------------------------------------------------------------------------------------------------------
  const fresh = (template) => $(template).content.firstElementChild.cloneNode(true);

  function fill(node, task) {
    const of = (name) => node.querySelector(`[data-${name}]`);
    of("mark").append($(`mark-${task.severity}`).content.cloneNode(true));
    put(of("kind"), title(task));
    put(of("waiting"), task.waiting ? say("waiting") : "");
    put(of("address"), place(task));
    put(of("sentence"), task.sentence);
    of("due").dateTime = task.due;
    put(of("distance"), distance(task));
    return of;
  }

  function card(task) {
    const node = fresh("card"), of = fill(node, task), at = stage(task);
    node.firstElementChild.href = `#/${task.id}`;
    node.firstElementChild.classList.add(task.severity);
    put(of("state"), task.offered ? say("offered") : at ? say(at) : "");
    return node;
  }

  function whole(task) {
    const node = fresh("whole"), of = fill(node, task);
    put(of("where"), home(task));
    put(of("note"), task.kind === "contact" && task.note ? task.note : "");
    put(of("offered"), task.offered ? say("offered") : task.offered_to ? say("offered-to", { who: task.offered_to }) : "");
    put(of("at"), `(${moment(Date.parse(task.due), task.zone)})`);
    const steps = GOES.includes(task.kind) ? ["accepted", "set-out", "there", "outcome"] : ["accepted", "outcome"];
    const since = { accepted: task.accepted && (task.accepted_at ?? true), "set-out": task.set_out_at, there: task.arrived_at };
    for (const [at, name] of steps.entries()) {
      const step = document.createElement("li");
      const done = Boolean(since[name]) || steps.slice(at + 1).some((later) => since[later]);
      step.className = done ? "done" : "";
      step.append(Object.assign(document.createElement("span"), { textContent: say(name) }));
      const time = typeof since[name] === "string" ? moment(Date.parse(since[name]), task.zone) : "";
      step.append(Object.assign(document.createElement("small"), { textContent: time }));
      of("passage").append(step);
    }
    for (const one of task.people) {
      const line = fresh("callee"), link = line.firstElementChild;
      link.href = `tel:${one.phone}`;
      put(link.querySelector("[data-name]"), say("call", { who: one.name }));
      put(link.querySelector("[data-relation]"), one.relation ?? say("resident"));
      of("calls").append(line);
    }
    of("map").firstElementChild.href = geo(task);
    of("map").hidden = !task.address && task.latitude === null;
    of("write").firstElementChild.href = `#/${task.id}/outcome`;
    of("write").hidden = next(task)[0] === "write";
    of("give").firstElementChild.href = `#/${task.id}/give`;
    of("story").firstElementChild.href = `/alerts/${task.alert}`;
    return node;
  }

  function geo(task) { // RFC 5870, with the query that map applications understand
    const point = task.latitude === null ? "0,0" : `${task.latitude},${task.longitude}`;
    const asked = task.latitude === null ? task.address : `${point}(${task.address})`;
    return `geo:${point}?q=${encodeURIComponent(asked)}`;
  }

  function showList() {
    const near = here !== null && $("near").getAttribute("aria-pressed") === "true";
    const tasks = all().filter((task) => !task.gone);
    if (near) tasks.sort((a, b) => (metres(a) ?? Infinity) - (metres(b) ?? Infinity)); // what is as near stays by due time
    put($("count"), String(tasks.length || ""));
    $("near").hidden = !("geolocation" in navigator) || !tasks.some((task) => task.latitude !== null);
    redraw($("cards"), tasks, card);
    const empty = told !== null && !tasks.length;
    $("nothing").hidden = !empty;
    redraw($("refusals"), mine.filter(refused), refusal);
    const left = mine.filter((one) => !refused(one) && ["outcome", "refuse"].includes(one.verb));
    const done = [...left, ...(told?.list.done ?? []).filter((one) => left.every(({ task }) => task !== one.id))];
    $("over").hidden = !done.length;
    redraw($("done"), done, over);
  }

  function redraw(list, items, draw) { // a card that says the same stays, with the focus and the finger on it
    const known = new Map([...list.children].map((node) => [node.said, node]));
    const nodes = items.map((item) => {
      const said = JSON.stringify([item, here && distance(item)]), node = known.get(said) ?? draw(item);
      node.said = said;
      return node;
    });
    if (nodes.length !== list.children.length || nodes.some((node, at) => node !== list.children[at])) {
      list.replaceChildren(...nodes);
    }
  }

  function named(action) {
    const what = action.body.outcome ? say(`outcome-${action.body.outcome}`) : "";
    return say(`did-${action.verb}`, { what });
  }

  function refusal(action) {
    const node = fresh("refusal"), of = (name) => node.querySelector(`[data-${name}]`);
    put(of("what"), `${say("refused")}: ${named(action)}`);
    put(of("where"), `${action.about} · ${moment(action.at)}`);
    put(of("told"), action.told);
    node.querySelector("button").addEventListener("click", async () => { await phone.drop(action.no); await look(); });
    return node;
  }

  function over(one) {
    const node = document.createElement("li");
    const own = "verb" in one, mark = document.createElement("span");
    mark.className = own && waits(one) ? "chip waiting" : "muted";
    mark.textContent = own && waits(one) ? say("waiting") : moment(own ? one.at : Date.parse(one.done_at), one.zone);
    const what = own ? [one.about, named(one)] : [title(one), one.household, one.outcome && say(`outcome-${one.outcome}`)];
    node.append(what.filter(Boolean).join(" · "), " ", mark);
    return node;
  }

  // -- where in the page: #/TASK, #/TASK/outcome, #/TASK/give, else the list --------------------------------------------
  let shown = "";
  let drawn = "";
  function show() {
    const [, id, part] = location.hash.match(/^#\/([0-9a-f-]{36})(?:\/(outcome|give))?$/) ?? [];
    const known = all().find((one) => one.id === id);
    // What somebody is writing about stays open though the task is theirs no more: what they found still counts.
    const task = known?.gone ? null : known ?? (part && open?.id === id ? open : null);
    open = task;
    const place = !task ? "list" : part === "outcome" ? "found" : part === "give" ? "give" : "one";
    for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== place;
    if (place === "list") showList();
    else if (place === "one") {
      const said = JSON.stringify([task, here]);
      if (said !== drawn || shown !== location.hash) $("task").replaceChildren(whole(task));
      drawn = said;
    }
    if (place !== "list") for (const link of document.querySelectorAll("[data-back]")) link.href = `#/${id}`;
    if (shown !== location.hash) {
      if (place === "found") begin($("outcome"), task);
      if (place === "give") begin($("give"), task);
      shown = location.hash;
      window.scrollTo(0, 0);
      $("main").focus({ preventScroll: true }); // a keyboard, and a voice that reads, go on from here
    }
    bar(place, task);
    status();
    if (told) tick();
  }

  function begin(part, task) { // an empty form for this very task
    for (const form of part.matches("form") ? [part] : part.querySelectorAll("form")) form.reset();
    put(part.closest("section").querySelector(".muted[data-where]"), `${title(task)} · ${place(task)}`);
    const tomorrow = new Date(now() + 86400000);
    $("outcome").elements.follow_up_on.min = new Intl.DateTimeFormat("en-CA", { timeZone: task.zone }).format(tomorrow);
    const who = $("handover").elements.person;
    who.replaceChildren(new Option("", ""), ...task.colleagues.map((one) => new Option(one.name, one.id)));
    $("handover").hidden = !task.colleagues.length || task.offered;
  }

  let press = null;
  function bar(place, task) {
    $("bar").hidden = place !== "one" && place !== "found";
    $("main-action").type = place === "found" ? "submit" : "button"; // of the form, so that Enter saves it
    if (place === "found") {
      put($("main-action"), say("save"));
      press = () => save(task);
    } else if (place === "one") {
      const [verb, text] = next(task);
      put($("main-action"), text);
      press = verb === "write" ? () => { location.hash = `#/${task.id}/outcome`; } : () => act(task, verb, {});
    }
  }
  let pressing = false; // a finger that trembles is one press
  async function once(event) {
    event.preventDefault();
    if (pressing) return;
    pressing = true;
    try { await press(); } finally { pressing = false; }
  }
  $("main-action").addEventListener("click", once);

  function status() {
    const time = told ? moment(Date.parse(told.list.now)) : "", n = mine.filter(waits).length;
    put($("network"), told ? say("fresh", { time }) : "");
    document.querySelector(".network").classList.toggle("away", network !== "");
    put($("waiting"), [network && say(network, { time }), n && say("waiting-n", { n })].filter(Boolean).join(" "));
  }

  // -- doing ----------------------------------------------------------------------------------------------------------------
  async function act(task, verb, body) {
    await phone.add(task.id, verb, body, `${title(task)} · ${place(task)}`);
    await look();
    send();
    navigator.serviceWorker?.ready.then((worker) => worker.sync?.register("send")).catch(() => {}); // where there is such
    return task;
  }

  async function save(task) {
    const fields = Object.fromEntries(new FormData($("outcome")));
    if (!fields.outcome) return warn(say("choose"));
    const isFalse = fields.outcome === "false_alarm";
    if (isFalse && !fields.why) return warn(say("choose-why"));
    const unseen = ["not_at_home", "could_not_enter"].includes(fields.outcome);
    await act(task, "outcome", {
      outcome: fields.outcome, note: fields.note.trim(), why: isFalse ? fields.why : null,
      follow_up_on: (!unseen && fields.follow_up_on) || null,
    });
    location.hash = "";
  }
  $("outcome").addEventListener("submit", once);

  $("handover").addEventListener("submit", async (event) => {
    event.preventDefault();
    const { person, note } = Object.fromEntries(new FormData(event.target));
    if (!person) return warn(say("choose-who"));
    location.hash = `#/${(await act(open, "handover", { person, note })).id}`;
  });

  $("refuse").addEventListener("submit", async (event) => {
    event.preventDefault();
    const { reason, more } = Object.fromEntries(new FormData(event.target));
    if (!reason) return warn(say("choose-reason"));
    await act(open, "refuse", { reason: [reason, more.trim()].filter(Boolean).join(". ") });
    location.hash = "";
  });

  let hide = 0;
  function warn(text) {
    put($("toast"), text);
    clearTimeout(hide);
    hide = setTimeout(() => { $("toast").hidden = true; }, 6000);
  }

  $("near").addEventListener("click", () => {
    const on = $("near").getAttribute("aria-pressed") !== "true";
    const turn = () => { $("near").setAttribute("aria-pressed", String(on)); show(); };
    if (!on) return turn();
    navigator.geolocation.getCurrentPosition(
      ({ coords: { latitude, longitude } }) => { here = { latitude, longitude }; turn(); },
      () => warn(say("no-place")),
      { maximumAge: 60000, timeout: 15000 },
    );
  });

  $("sign-out").addEventListener("submit", async (event) => {
    event.preventDefault();
    await phone.send();
    const left = (await phone.readable()).filter(waits).length;
    if (left && !confirm(say("leave", { n: left }))) return look();
    leaving = true;
    await phone.forget(true);
    event.target.submit();
  });

  // -- the network ------------------------------------------------------------------------------------------------------------
  let attempt = 0, timer = 0;
  async function send() {
    clearTimeout(timer);
    const became = await phone.send();
    if (became === "signed-out") return leave();
    if (became === "sent") {
      attempt = 0;
      return refresh();
    }
    network = told ? became : "never";
    await look();
    timer = setTimeout(send, PAUSES[Math.min(attempt, PAUSES.length - 1)] * (0.8 + Math.random() * 0.4));
    attempt += 1;
  }

  async function refresh() {
    const answer = await phone.ask();
    if (answer === "signed-out") return leave();
    if (answer.list) [told, network] = [spoken.heard(answer), ""];
    else network = told ? answer : "never";
    await look();
    if (answer.list && mine.some(waits)) send(); // what was sealed when this person was signed out
  }

  async function look() { // at what waits here
    mine = await phone.readable();
    show();
  }

  let leaving = false;
  function leave() { // the page that is asked for now is the one to sign in
    if (leaving) return;
    leaving = true;
    told = spoken.heard(null);
    location.replace("/my");
  }

  async function start() {
    navigator.serviceWorker?.register("/worker.js");
    told = spoken.heard((await phone.kept("told")) ?? null);
    if (told) network = navigator.onLine ? "" : "offline";
    await look();
    await send();
    setInterval(() => { if (!document.hidden) refresh(); }, ASK_EVERY);
    setInterval(() => { if (told) tick(); }, 1000);
    window.addEventListener("online", () => { attempt = 0; send(); });
    window.addEventListener("offline", () => { network = told ? "offline" : "never"; show(); });
    document.addEventListener("visibilitychange", () => { listen(); if (!document.hidden) send(); });
    phone.news.addEventListener("message", ({ data }) => (data === "forgotten" ? leave() : refresh()));
    listen();
  }

  let stream = null, soon = 0;
  function listen() { // to changes, while somebody looks
    if (document.hidden) {
      stream?.close();
      stream = null;
    } else if (!stream) {
      stream = new EventSource("/events");
      stream.addEventListener("change", () => { clearTimeout(soon); soon = setTimeout(refresh, 300); });
    }
  }

  window.addEventListener("hashchange", show);
  if (document.body.dataset.person) start();
  else {
    put($("nobody"), say("nobody"));
    put($("network"), "");
  }
})();
