// A piece of HTML from the kernel: it keeps its place when it is written anew, its ages tick, its controls ask back.
const words = (seconds) => {
  const steps = [["year", 31557600], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const [name, size] = steps.find(([, size]) => seconds >= size) ?? ["second", 1];
  const count = Math.max(0, Math.floor(seconds / size));
  return `${count} ${name}${count === 1 ? "" : "s"}`;
};

const pageOption = (name) => {
  try { return JSON.parse(document.getElementById("jupyter-config-data").textContent)[name]; } catch { return undefined; }
};

const fields = (form) => JSON.stringify(Object.fromEntries(new FormData(form)));
const TYPED = 250; // milliseconds of rest after which what was typed is told

// A form with `data-post` goes to the server itself, which answers although the kernel of this page may hang.
const aura = () => window.auraStatic?.split("static/")[0] ?? pageOption("auraStatic")?.split("static/")[0];
const cookie = (name) => document.cookie.split("; ").find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1);
const body = (form) => {
  const told = JSON.parse(form.dataset.body ?? "{}");
  for (const control of form.querySelectorAll("input[name]")) {
    if (control.type === "checkbox") told[control.name] = control.checked;
    else if (control.value.trim()) told[control.name] = control.value;
  }
  return JSON.stringify(told);
};
const say = (form, text, kind) => {
  const line = form.querySelector("[role]") ?? form.appendChild(document.createElement("p"));
  [line.textContent, line.className] = [text, kind];
  line.setAttribute("role", kind ? "alert" : "status");
};
const post = async (form, otherwise) => {
  const token = cookie("_xsrf");
  if (!aura() || !token) return otherwise();
  try {
    const headers = {"Content-Type": "application/json", "X-XSRFToken": token};
    const answer = await fetch(`${aura()}${form.dataset.post}`, {method: "POST", headers, body: body(form)});
    const told = await answer.json();
    say(form, answer.ok ? form.dataset.done ?? "Done." : told.message, answer.ok ? "" : "aura-bad");
  } catch { otherwise(); } // no server, or not ours: by way of the kernel
};

const still = matchMedia("(prefers-reduced-motion: reduce)");
const FLASH = [{backgroundColor: "var(--aura-accent-fill)"}, {backgroundColor: "transparent"}];

const key = (form) => `${form.dataset.ask} ${form.dataset.form ?? ""} ${form.elements.namedItem("client_id")?.value ?? ""}`;
const fill = (form, typed) => { // what somebody typed stays where the kernel writes the form anew
  for (const [name, value] of typed ?? []) {
    const control = form.elements.namedItem(name);
    if (control instanceof RadioNodeList || control?.tagName === "SELECT" || control?.tagName === "TEXTAREA") control.value = value;
    else if (control?.type === "checkbox") control.checked = true;
    else if (control && control.type !== "hidden") control.value = value;
  }
};

function render({model, el}) {
  el.classList.add("aura");
  const tick = () => {
    for (const time of el.querySelectorAll("time[data-age]")) {
      time.textContent = words((Date.now() - Date.parse(time.dateTime)) / 1000);
    }
  };
  const sized = new ResizeObserver((seen) => { // who has no mouse scrolls with the keys: that needs the focus
    for (const {target: part} of seen) {
      if (part.scrollWidth > part.clientWidth || part.scrollHeight > part.clientHeight) part.tabIndex = 0;
      else part.removeAttribute("tabindex");
    }
  });
  const put = () => { // single texts that move, without writing the rest anew
    if (document.hidden) return;
    const cells = model.get("cells");
    for (const part of el.querySelectorAll("[data-cell]")) {
      const [text, kind] = cells[part.dataset.cell] ?? [];
      if (text === undefined) continue;
      if (part.tagName === "polyline") { if (part.getAttribute("points") !== text) part.setAttribute("points", text); continue; }
      if (part.textContent === text) continue;
      part.textContent = text;
      part.classList.remove("aura-gain", "aura-loss", "aura-bad");
      if (kind) part.classList.add(kind);
      if (part.dataset.flash !== undefined && !still.matches) part.animate(FLASH, 700);
    }
    for (const time of el.querySelectorAll("time[data-cell-time]")) {
      const [text] = cells[time.dataset.cellTime] ?? [];
      if (text) time.dateTime = text;
    }
  };
  const write = () => {
    sized.disconnect();
    const kept = [...el.querySelectorAll(".aura-scroll")].map((part) => [part.scrollLeft, part.scrollTop]);
    const active = el.contains(document.activeElement) ? document.activeElement : null;
    const focused = active?.dataset.ask, value = active?.tagName === "BUTTON" ? active.value : null;
    const open = [...el.querySelectorAll("details")].map((part) => part.open);
    const typed = new Map([...el.querySelectorAll("form[data-ask]")].map((form) => [key(form), new FormData(form)]));
    const place = active?.name && active.form ? [active.form.dataset.ask, active.name, active.selectionStart] : null;
    el.innerHTML = model.get("html");
    for (const form of el.querySelectorAll("form[data-ask]:not([data-fresh])")) fill(form, typed.get(key(form)));
    el.hidden = !model.get("html");
    el.querySelectorAll(".aura-scroll").forEach((part, number) => {
      if (kept[number]) [part.scrollLeft, part.scrollTop] = kept[number];
      sized.observe(part);
    });
    el.querySelectorAll("details").forEach((part, number) => { part.open = open[number] ?? part.open; });
    if (focused) {
      const same = [...el.querySelectorAll(`[data-ask="${CSS.escape(focused)}"]`)];
      (same.find((control) => value !== null && control.value === value) ?? same[0])?.focus();
    }
    if (place) {
      const control = el.querySelector(`form[data-ask="${CSS.escape(place[0])}"]`)?.elements.namedItem(place[1]);
      control?.focus?.();
      if (place[2] != null) control?.setSelectionRange?.(place[2], place[2]);
    }
    const served = aura();
    for (const link of el.querySelectorAll("a[data-run]")) {
      if (served) link.href = `${served}runs/${encodeURIComponent(link.dataset.run)}`;
    }
    put();
    tick();
  };
  const changed = (event) => { if (event.target.dataset.ask) model.send({ask: event.target.dataset.ask, value: event.target.value}); };
  const pressed = (event) => {
    const button = event.target.closest("button[data-ask]");
    if (button && button.getAttribute("aria-disabled") !== "true") model.send({ask: button.dataset.ask, value: button.value});
  };
  let rest = 0;
  const typing = (event) => {
    const form = event.target.closest("form[data-ask]");
    if (!form) return;
    clearTimeout(rest);
    rest = setTimeout(() => model.send({ask: `${form.dataset.ask}:typed`, value: fields(form)}), TYPED);
  };
  const submitted = (event) => {
    const form = event.target.closest("form[data-ask]");
    if (!form) return;
    event.preventDefault();
    clearTimeout(rest);
    const send = () => model.send({ask: form.dataset.ask, value: fields(form)});
    if (form.dataset.post) post(form, send);
    else send();
  };
  let heard = Date.now();
  const beat = () => { heard = Date.now(); document.documentElement.classList.remove("aura-silent"); };
  const watch = () => {
    tick();
    if (model.get("beats") && Date.now() - heard > 15000) document.documentElement.classList.add("aura-silent");
  };
  const handed = (said, buffers) => { // a file from the kernel: the browser keeps it as a download
    if (!said?.file || !buffers?.length) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([buffers[0]]));
    link.download = said.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };
  const timer = setInterval(watch, 1000);
  model.on("msg:custom", handed);
  el.addEventListener("change", changed);
  el.addEventListener("click", pressed);
  el.addEventListener("input", typing);
  el.addEventListener("submit", submitted);
  model.on("change:html", write);
  model.on("change:cells", put);
  document.addEventListener("visibilitychange", put);
  model.on("change:beats", beat);
  write();
  return () => {
    clearInterval(timer);
    clearTimeout(rest);
    sized.disconnect();
    model.off("msg:custom", handed);
    model.off("change:html", write);
    model.off("change:cells", put);
    document.removeEventListener("visibilitychange", put);
    model.off("change:beats", beat);
  };
}
export default {render};
