// Light or dark as the reader chose, before anything is painted; without a choice as the device has it.
"use strict";

(() => {
  const root = document.documentElement;
  const show = (theme) => { theme ? root.dataset.theme = theme : delete root.dataset.theme; };
  const kept = () => { try { return localStorage.getItem("theme") ?? ""; } catch { return ""; } };
  show(kept());
  document.addEventListener("DOMContentLoaded", () => {
    const choice = document.getElementById("theme");
    if (!choice) return;
    choice.value = kept();
    choice.parentElement.hidden = false; // without script there is nothing to choose
    choice.addEventListener("change", () => {
      show(choice.value);
      try { localStorage.setItem("theme", choice.value); } catch { /* it lasts as long as this page */ }
    });
  });
})();
