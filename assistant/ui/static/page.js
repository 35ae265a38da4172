// What only the browser can do: theme, drawers, copy, scrolling, and turning clicks into events.
// Gradio puts it into the head when the body is there, before the widgets; no library, no request.
(() => {
  const kept = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const keep = (key, value) => { try { localStorage.setItem(key, value); } catch { /* private window */ } };

  const speak = (language) => { document.documentElement.lang = language === "en" ? "en" : "pt-BR"; };
  speak(kept("assistant-words") || window.assistantLanguage);

  const setTheme = (dark) => {
    document.body.classList.toggle("dark", dark);
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
  };
  const chosenTheme = () => kept("assistant-theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const applyTheme = () => setTheme(chosenTheme() === "dark");
  // Gradio sets the class from the system's theme when it starts; the visitor's choice outlasts that.
  applyTheme();
  new MutationObserver(() => {
    if (document.body.classList.contains("dark") !== (chosenTheme() === "dark")) applyTheme();
  }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", applyTheme);

  const shown = () => document.getElementById("chat")?.dataset.show;
  const drawer = (name, open) => {
    const chat = document.getElementById("chat");
    if (!chat) return;
    if (open) chat.dataset.show = name; else delete chat.dataset.show;
    const first = open && chat.querySelector(name === "sources" ? "#aside summary" : "#side button");
    if (first && getComputedStyle(first.closest(".column")).position === "fixed") first.focus({ preventScroll: true });
  };
  const closeDrawers = () => drawer("", false);
  // A menu closes when something of it, or anything else, is chosen.
  const closeMenus = (kept) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== kept) menu.open = false;
  };
  document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu > summary")?.parentElement));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const back = document.querySelector("#sources [data-escape]");  // the page of a source closes before its drawer
    if (back && back.offsetParent) return back.click();
    closeDrawers();
    closeMenus();
  });
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
    for (const key of ["question", "id", "language", "document"]) if (key in data) sent[key] = data[key];
    return sent;
  };

  window.assistantBind = (element, trigger, watch) => {
    element.addEventListener("click", (event) => {
      const target = event.target.closest("button");
      if (!target || !element.contains(target)) return;
      const { event: name, filter: label, drawer: side } = target.dataset;
      if (label !== undefined) return filter(target);
      if (side === "theme") { keep("assistant-theme", document.body.classList.contains("dark") ? "light" : "dark"); return applyTheme(); }
      if (side !== undefined) return drawer(side, shown() !== side);
      if (name === "copy") return copy(target);
      if (name === undefined) return;
      if (target.dataset.language) { keep("assistant-words", target.dataset.language); speak(target.dataset.language); }
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
      const wanted = element.querySelector(".wanted");
      wanted?.scrollIntoView({ block: wanted.dataset.block || "nearest" });
      element.querySelector("[data-focus]")?.focus({ preventScroll: true });
      if (element.closest("#live, #compared")) follow(element);
    });
  };

  // A file that the server would cut off is not sent at all; the words stand in the page, in its language.
  const guard = (event) => {
    const words = [...document.querySelectorAll("[data-guards]")].find((line) => event.target.closest?.("#" + line.dataset.guards));
    if (!words) return;
    const limit = Number(words.dataset.limit) * 2 ** 20;
    const files = [...(event.dataTransfer?.files || event.target.files || [])];
    const large = files.find((file) => file.size > limit);
    words.hidden = !large;
    if (!large) return;
    const size = Math.ceil(large.size / 2 ** 20).toLocaleString(document.documentElement.lang);
    words.textContent = words.dataset.words.replace("{name}", () => large.name).replace("{size}", () => size);
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.type === "change") event.target.value = "";
  };
  for (const name of ["change", "drop"]) document.addEventListener(name, guard, true);

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
