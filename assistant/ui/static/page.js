// What only the browser can do: theme, drawers, copy, scrolling, and turning clicks into events.
// Loaded once in the head of the page; no library, no request.
(() => {
  const kept = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const keep = (key, value) => { try { localStorage.setItem(key, value); } catch { /* private window */ } };

  // Gradio's own words (drop zones, messages) follow the browser's language; here they follow the page's.
  const language = kept("assistant-words") || window.assistantLanguage || "pt";
  const tongue = language === "en" ? "en" : "pt-BR";
  Object.defineProperty(navigator, "language", { get: () => tongue, configurable: true });
  Object.defineProperty(navigator, "languages", { get: () => [tongue], configurable: true });
  document.documentElement.lang = tongue;

  const setTheme = (dark) => {
    document.body.classList.toggle("dark", dark);
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
  };
  const chosenTheme = () => kept("assistant-theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const applyTheme = () => setTheme(chosenTheme() === "dark");
  document.addEventListener("DOMContentLoaded", applyTheme);

  const drawer = (name, open) => {
    document.body.classList.toggle("show-" + name, open);
    const first = open && document.querySelector(name === "sources" ? "#aside summary, #aside button" : "#side button");
    if (first) first.focus({ preventScroll: true });
  };
  const closeDrawers = () => { drawer("sources", false); drawer("conversations", false); };
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") closeDrawers(); });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#side, #aside, [data-drawer], .marker, [data-event=select]")) closeDrawers();
  });

  const copy = async (button) => {
    try {
      await navigator.clipboard.writeText(button.dataset.text);
    } catch { // an address without https: the old way
      const area = Object.assign(document.createElement("textarea"), { value: button.dataset.text });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const label = button.textContent;
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = label; }, 1500);
  };

  const filter = (button) => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    const label = button.dataset.filter;
    button.closest(".extraction").querySelectorAll("[data-label]").forEach((part) => {
      if (part.dataset.label === label) part.classList.toggle("filtered", !on);
    });
  };

  const number = (value) => (/^-?\d+$/.test(value) ? Number(value) : value);
  const payload = (data) => {
    const sent = {};
    for (const [key, value] of Object.entries(data)) if (key !== "event" && key !== "field") sent[key] = number(value);
    for (const key of ["question", "id", "language"]) if (key in data) sent[key] = data[key];
    return sent;
  };

  window.assistantBind = (element, trigger, watch) => {
    element.addEventListener("click", (event) => {
      const target = event.target.closest("button");
      if (!target || !element.contains(target)) return;
      const { event: name, filter: label, drawer: side } = target.dataset;
      if (label !== undefined) return filter(target);
      if (side === "theme") { keep("assistant-theme", document.body.classList.contains("dark") ? "light" : "dark"); return applyTheme(); }
      if (side !== undefined) return drawer(side, !document.body.classList.contains("show-" + side));
      if (name === "copy") return copy(target);
      if (name === undefined) return;
      if (target.dataset.language) { keep("assistant-words", target.dataset.language); document.documentElement.lang = target.dataset.language === "en" ? "en" : "pt-BR"; }
      if (name === "select" && target.dataset.turn !== undefined) drawer("sources", true);
      if (name === "select" && target.dataset.id !== undefined) drawer("conversations", false);
      trigger(name, payload(target.dataset));
    });
    element.addEventListener("change", (event) => {
      const target = event.target.closest("select[data-event]");
      if (!target || !target.value) return;
      trigger(target.dataset.event, { ...payload(target.dataset), [target.dataset.field]: target.value });
      target.value = "";
    });
    watch("value", () => {
      element.querySelector(".wanted")?.scrollIntoView({ block: "nearest" });
      if (element.closest("#live, #compared")) follow(element);
    });
  };

  // The thread stays at its end while the visitor has not scrolled away from it.
  let stuck = true;
  const area = () => {
    const own = document.getElementById("scroll");
    return own && getComputedStyle(own).overflowY === "auto" ? own : document.scrollingElement;
  };
  document.addEventListener("scroll", () => {
    const box = area();
    stuck = !box || box.scrollHeight - box.scrollTop - box.clientHeight < 96;
  }, { capture: true, passive: true });
  const follow = (element) => {
    const box = area();
    if (!box || element.querySelector(".welcome")) return;
    if (stuck || element.querySelector("[aria-busy]")?.querySelector(".pending")) box.scrollTop = box.scrollHeight;
  };
})();
