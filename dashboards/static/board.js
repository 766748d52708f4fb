// The board calls: a number in the title, a tone for urgent alerts that nobody holds; keys come when one is pressed.
"use strict";

(() => {
  const AGAIN = 60000; // ms: what nobody takes is sounded anew
  const board = document.getElementById("alerts");
  const title = document.title.replace(/^\(\d+\) /, "");
  const button = document.getElementById("sound");
  const wall = document.body.classList.contains("wall");
  const alarming = () => (board.querySelector("[data-alarming]")?.dataset.alarming ?? "").split(" ").filter(Boolean);

  // -- sound: off until its reader switches it on ------------------------------------------------------------------
  let audio = null, on = false, sounded = 0, known = new Set(alarming());
  try { on = localStorage.getItem("sound") === "on"; } catch { /* it lasts as long as this page */ }

  function show() {
    if (!button) return;
    const blocked = on && audio?.state !== "running";
    button.hidden = false;
    button.setAttribute("aria-pressed", String(on));
    button.textContent = button.dataset[blocked ? "blocked" : on ? "on" : "off"];
  }
  function wake() { // browsers make no sound before somebody has touched the page
    if (!on) return show();
    audio ??= new AudioContext();
    audio.resume().then(show, show);
    show();
  }
  function tone() {
    if (!on || audio?.state !== "running") return;
    sounded = performance.now();
    for (const [pitch, after] of [[880, 0], [660, 0.18]]) {
      const voice = audio.createOscillator(), loudness = audio.createGain(), at = audio.currentTime + after;
      voice.frequency.value = pitch;
      loudness.gain.setValueAtTime(0.0001, at);
      loudness.gain.exponentialRampToValueAtTime(0.25, at + 0.02);
      loudness.gain.exponentialRampToValueAtTime(0.0001, at + 0.16);
      voice.connect(loudness).connect(audio.destination);
      voice.start(at);
      voice.stop(at + 0.17);
    }
  }
  function toggle() {
    on = !on;
    try { localStorage.setItem("sound", on ? "on" : "off"); } catch { /* as above */ }
    wake();
    if (on) audio.resume().then(tone);
  }
  button?.addEventListener("click", toggle);
  for (const touch of ["pointerdown", "keydown"]) document.addEventListener(touch, wake, { once: true });
  wake();

  function look() {
    const now = alarming();
    document.title = now.length ? `(${now.length}) ${title}` : title;
    if (now.some((id) => !known.has(id))) tone();
    known = new Set(now);
  }
  document.body.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target === board) look(); });
  setInterval(() => { if (known.size && performance.now() - sounded > AGAIN) tone(); }, 5000);
  look();

  // -- keys: all but the first press find them loaded ------------------------------------------------------------
  const help = document.getElementById("help");
  const keys = () => import("/static/keys.js");
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey;
    if (typing && event.key !== "Escape" || document.querySelector("dialog[open]")) return;
    if (!["j", "k", "a", "s", "w", "/", "?", "Escape"].includes(event.key)) return;
    if (event.key === "/") event.preventDefault();
    if (event.key === "s") toggle();
    else keys().then((those) => those.press(event.key));
  });
  if (help) {
    help.hidden = false;
    help.addEventListener("click", () => keys().then((those) => those.press("?")));
  }

  // -- the wall: columns that have no room take turns ----------------------------------------------------------------
  if (wall) {
    const shelves = { ".list": 0, "#beside": 0 }; // how far each is turned, also when it is drawn anew
    const turn = (name, by) => {
      const shelf = document.querySelector(name);
      const further = shelves[name] + by * shelf.clientWidth;
      shelves[name] = shelf.scrollLeft = further < shelf.scrollWidth - 8 ? further : 0;
    };
    setInterval(() => Object.keys(shelves).forEach((name) => turn(name, 1)), 12000);
    document.body.addEventListener("htmx:afterSwap", () => Object.keys(shelves).forEach((name) => turn(name, 0)));
  }
})();
