// What a caseworker's phone keeps: its tasks as last told, and what it could not send yet. Page and worker share it.
//
// Whatever is done here is stored first and sent then, in its order, under a key made here once: the service does it
// once however often it comes. What is stored unsent is sealed (AES-GCM) with a key the service gives to this person
// only. Refused by the service (401), the phone forgets that key and everything that can be read; what is sealed stays,
// and goes out when the same person signs in again. At sign-out everything goes.
"use strict";

const phone = (() => {
  const PATIENCE = 15000; // ms for an answer; after that there is no network
  const CACHES = "shouwang-phone-";
  const news = new BroadcastChannel("shouwang-phone");

  // -- the database of this browser: `kept` by name, `actions` in the order they were done ---------------------------
  let opened = null;
  function database() {
    opened ??= new Promise((resolve, reject) => {
      const asked = indexedDB.open("shouwang-phone", 1);
      asked.onupgradeneeded = () => {
        asked.result.createObjectStore("kept");
        asked.result.createObjectStore("actions", { keyPath: "no", autoIncrement: true });
      };
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    });
    return opened;
  }

  async function using(name, mode, what) {
    const transaction = (await database()).transaction(name, mode);
    const asked = what(transaction.objectStore(name));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(asked.result);
      transaction.onabort = () => reject(transaction.error);
    });
  }
  const kept = (name) => using("kept", "readonly", (all) => all.get(name));
  const keep = (name, value) => using("kept", "readwrite", (all) => all.put(value, name));
  const actions = () => using("actions", "readonly", (all) => all.getAll());
  const drop = (no) => using("actions", "readwrite", (all) => all.delete(no));

  // -- seals; where the page did not come by https the browser has no ciphers, and nothing outlives a refusal ----------
  async function sealed(words) {
    const key = await kept("key"), text = JSON.stringify(words);
    if (!key) return { text };
    const iv = crypto.getRandomValues(new Uint8Array(12));
    return { iv, box: await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, new TextEncoder().encode(text)) };
  }

  async function read({ text, iv, box }) {
    if (text !== undefined) return JSON.parse(text);
    const open = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, await kept("key"), box);
    return JSON.parse(new TextDecoder().decode(open));
  }

  async function readable() { // the actions, opened; without the key there is nothing to see
    if (crypto.subtle && !(await kept("key"))) return [];
    return Promise.all((await actions()).map(async (one) => ({ ...one, ...(await read(one.words)) })));
  }

  function uuid() { // version 4; `randomUUID` is there by https only
    if (crypto.randomUUID) return crypto.randomUUID();
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  // -- what was done -----------------------------------------------------------------------------------------------------
  async function add(task, verb, body, about) { // `about`: how it is named on the screen
    const words = await sealed({ body, about });
    const action = { id: uuid(), task, verb, at: Date.now(), state: "waiting", words };
    await using("actions", "readwrite", (all) => all.add(action));
  }

  async function send() { // → "sent", "offline", "busy" or "signed-out"
    return navigator.locks ? navigator.locks.request("shouwang-phone", sendAll) : sendAll();
  }

  async function sendAll() {
    for (;;) {
      const action = (await readable()).find((one) => one.state === "waiting");
      if (!action) return "sent";
      const became = await sendOne(action);
      if (became !== "sent") return became;
      news.postMessage("changed");
    }
  }

  async function sendOne({ no, id, task, verb, at, words, body, about }) {
    const waited = verb === "on-my-way" || verb === "arrived" ? { waited: Math.max(0, (Date.now() - at) / 1000) } : {};
    let answer, said;
    try {
      answer = await fetch(`/api/v1/my/tasks/${task}/${verb}`, {
        method: "POST", redirect: "error", signal: AbortSignal.timeout(PATIENCE),
        headers: { "Content-Type": "application/json", "Idempotency-Key": id },
        body: JSON.stringify({ ...body, ...waited }),
      });
      said = await answer.json();
    } catch {
      return answer ? "busy" : "offline"; // somebody else on the way has answered, or nobody
    }
    if (answer.status === 401) {
      await forget(false);
      return "signed-out";
    }
    const done = answer.ok && said.done === verb;
    if (!done && (answer.status < 400 || answer.status >= 500 || answer.status === 429)) return "busy";
    // What is done stays until a list comes that knows of it, what was refused until somebody has read why.
    const became = done ? { state: "sent" } : { state: "refused", words: await sealed({ body, about, told: said.detail }) };
    await using("actions", "readwrite", (all) => all.put({ no, id, task, verb, at, words, ...became }));
    return "sent";
  }

  // -- what the service says -----------------------------------------------------------------------------------------------
  async function ask() { // → the tasks, or why there are none: "offline", "busy", "signed-out"
    const done = (await actions()).filter((one) => one.state === "sent");
    let answer, list;
    try {
      answer = await fetch("/api/v1/my/tasks", { redirect: "error", signal: AbortSignal.timeout(PATIENCE) });
      list = await answer.json();
    } catch {
      return answer ? "busy" : "offline";
    }
    if (answer.status === 401) {
      await forget(false);
      return "signed-out";
    }
    if (!answer.ok || !Array.isArray(list.tasks)) return "busy";
    const owner = await kept("owner");
    if (owner && owner !== list.person) await forget(true);
    await keep("owner", list.person);
    const told = { list, heard: Date.now() };
    if (crypto.subtle) { // by https: only there is a worker that forgets it wherever somebody signs out
      const raw = Uint8Array.from(atob(list.seal), (one) => one.charCodeAt(0));
      await keep("key", await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]));
      await dropUnreadable();
      delete list.seal;
      await keep("told", told);
    }
    for (const { no } of done) await drop(no);
    return told;
  }

  async function dropUnreadable() { // sealed by a service that has been set up anew since
    for (const { no, words } of await actions()) await read(words).catch(() => drop(no));
  }

  async function forget(everything) {
    await using("kept", "readwrite", (all) => { all.delete("told"); return all.delete("key"); });
    if (everything) await using("kept", "readwrite", (all) => all.clear());
    if (everything) await using("actions", "readwrite", (all) => all.clear());
    else for (const { no, words } of await actions()) if (words.text !== undefined) await drop(no);
    if (self.caches) {
      const names = (await caches.keys()).filter((name) => name.startsWith(CACHES));
      await Promise.all(names.map((name) => caches.delete(name)));
    }
    news.postMessage("forgotten");
  }

  return { CACHES, news, add, ask, drop, forget, kept, readable, send };
})();
