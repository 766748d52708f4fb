// The keys of the board: to the next alert and back, take it, search, help. A key alone changes nothing.

const cards = () => [...document.querySelectorAll("#alerts .list [data-key]")];
const here = () => document.activeElement?.closest("#alerts .list [data-key]");

function step(by) {
  const all = cards(), place = all.indexOf(here());
  const next = all[place < 0 ? 0 : Math.min(Math.max(place + by, 0), all.length - 1)];
  next?.querySelector(".sentence a")?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function dialog() {
  const box = document.createElement("dialog");
  document.body.append(box);
  box.addEventListener("close", () => box.remove());
  return box;
}

function take() {
  const card = here();
  const button = card?.querySelector("button[data-take]");
  if (!button) return;
  const box = dialog();
  const question = document.createElement("h2"), sentence = document.createElement("p"), form = document.createElement("form");
  question.textContent = button.dataset.take;
  sentence.textContent = card.querySelector(".sentence").textContent;
  box.setAttribute("aria-label", question.textContent);
  form.method = "dialog";
  form.className = "keys";
  for (const [value, word, look] of [["yes", button.textContent, ""], ["no", document.getElementById("alerts").dataset.no, "second"]]) {
    const answer = document.createElement("button");
    answer.value = value;
    answer.textContent = word;
    answer.className = look;
    form.append(answer);
  }
  box.append(question, sentence, form);
  box.addEventListener("close", () => {
    const now = document.querySelector(`[data-key="${CSS.escape(card.dataset.key)}"]`); // it may be drawn anew by now
    now?.querySelector(".sentence a")?.focus({ preventScroll: true });
    if (box.returnValue === "yes") now?.querySelector("form")?.requestSubmit();
  });
  box.showModal();
}

async function explain() {
  if (document.querySelector("dialog[open]")) return;
  const answer = await fetch("/parts/keys");
  if (!answer.ok) return;
  const box = dialog();
  box.setAttribute("aria-label", document.getElementById("help")?.textContent ?? "?");
  box.innerHTML = await answer.text();
  box.showModal();
}

function leave() {
  if (document.body.dataset.desk) location.assign(document.body.dataset.desk);
  else document.activeElement?.blur();
}

export function press(key) {
  if (key === "j") step(1);
  else if (key === "k") step(-1);
  else if (key === "a") take();
  else if (key === "/") document.querySelector('.filters input[name="q"]')?.focus();
  else if (key === "?") explain();
  else if (key === "w") document.querySelector('.board-tools a[href*="wall"]')?.click();
  else if (key === "Escape") leave();
}
