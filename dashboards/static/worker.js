// Keeps the page /my on a caseworker's phone, so that it opens without a network; sends what waits when there is one
// again, also when the page is closed; and forgets all of it when somebody signs out. Served with the two names below
// filled in: what the page is made of, and a version that changes with any of it.
"use strict";

const FILES = SHELL, CACHE = "shouwang-phone-VERSION", PAGE = "/my";
const PATIENCE = 5000; // ms that a page may take before the one that is kept is shown
importScripts("/static/phone-queue.js?v=VERSION");

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)).then(firstPage));
});

self.addEventListener("activate", (event) => {
  const old = (names) => names.filter((name) => name.startsWith(phone.CACHES) && name !== CACHE);
  event.waitUntil(
    caches.keys().then((names) => Promise.all(old(names).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event, { origin, pathname, search } = new URL(request.url);
  if (origin !== self.location.origin) return;
  if (request.method === "POST" && pathname === "/sign-out") event.respondWith(signOut(request));
  else if (request.method !== "GET") return;
  else if (pathname === PAGE && request.mode === "navigate") event.respondWith(page(request));
  else if (FILES.includes(pathname + search)) event.respondWith(file(request));
});

self.addEventListener("sync", (event) => {
  if (event.tag !== "send") return;
  event.waitUntil(phone.send().then((became) => {
    if (became !== "sent" && became !== "signed-out") throw new Error(became); // the browser tries again later
  }));
});

async function page(request) {
  const fresh = fetch(request).then(async (answer) => {
    if (answer.ok) await keep(PAGE, answer.clone());
    else if (answer.status === 401 || answer.type === "opaqueredirect") await phone.ask(); // is it over, or led here from elsewhere?
    return answer;
  });
  const late = new Promise((resolve) => { setTimeout(resolve, PATIENCE); });
  const answer = await Promise.race([fresh, late]).catch(() => undefined);
  return answer ?? (await caches.match(PAGE)) ?? fresh;
}

async function firstPage() { // the one that brought this worker was not seen by it
  const answer = await fetch(PAGE, { redirect: "error", headers: { Accept: "text/html" } }).catch(() => null);
  if (answer?.ok) await keep(PAGE, answer);
}

async function file(request) { // its address names its content: what is kept is what the service would give
  const known = await caches.match(request);
  if (known) return known;
  const answer = await fetch(request);
  if (answer.ok) await keep(request, answer.clone());
  return answer;
}

async function keep(name, answer) {
  await (await caches.open(CACHE)).put(name, answer);
}

async function signOut(request) {
  try {
    await Promise.race([phone.send(), new Promise((resolve) => { setTimeout(resolve, PATIENCE); })]);
    return await fetch(request);
  } finally {
    await phone.forget(true);
  }
}
