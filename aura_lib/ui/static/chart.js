// A plotly figure that follows the page: its colours, its width, its new numbers. Plotly itself is loaded once a page.
const CONFIG = {displaylogo: false, responsive: true, showSendToCloud: false, plotlyServerURL: "", topojsonURL: "about:"};
const dark = matchMedia("(prefers-color-scheme: dark)"), narrow = matchMedia("(max-width: 640px)");
const pointer = matchMedia("(hover: hover)");
const SHOWN = ["drawn", "words", "tail"];

const folder = () => {
  if (window.auraStatic) return window.auraStatic;
  try { return JSON.parse(document.getElementById("jupyter-config-data").textContent).auraStatic; } catch { return null; }
};

const script = (address) => new Promise((done, failed) => {
  const amd = window.define?.amd; // with a module loader on the page the bundle would hand itself to that
  if (amd) window.define.amd = undefined;
  const tag = Object.assign(document.createElement("script"), {src: address});
  const end = (then) => () => { if (amd) window.define.amd = amd; then(); };
  tag.onload = end(() => done(window.Plotly));
  tag.onerror = end(() => failed(new Error(`cannot load ${address}`)));
  document.head.append(tag);
});

// Where no Aura server stands behind the page, the kernel sends the script.
const fromKernel = (model) => new Promise((done, failed) => {
  const heard = (message, buffers) => {
    if (message?.plotly !== true) return;
    model.off("msg:custom", heard);
    script(URL.createObjectURL(new Blob([buffers[0]], {type: "text/javascript"}))).then(done, failed);
  };
  model.on("msg:custom", heard);
  model.send({ask: "plotly"});
});

const plotly = (model) => {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  const from = folder();
  window.auraPlotly ??= from ? script(`${from}plotly.min.js`).catch(() => fromKernel(model)) : fromKernel(model);
  return window.auraPlotly;
};

const theme = () => document.documentElement.dataset.theme
  ?? {true: "light", false: "dark"}[document.body.dataset.jpThemeLight]
  ?? (dark.matches ? "dark" : "light");

// A figure in the colours of a theme, the arrays that its traces share put back.
const dressed = (part, swap, arrays) => {
  if (typeof part === "string") return swap[part] ?? part;
  if (Array.isArray(part)) return part.map((one) => dressed(one, swap, arrays));
  if (part === null || typeof part !== "object") return part;
  if ("array" in part) return {...arrays[part.array]};
  return Object.fromEntries(Object.entries(part).map(([key, one]) => [key, dressed(one, swap, arrays)]));
};

// Numbers as a plain array, whichever way they came.
const KINDS = {f8: Float64Array, f4: Float32Array, i8: BigInt64Array, i4: Int32Array, i2: Int16Array, i1: Int8Array,
  u8: BigUint64Array, u4: Uint32Array, u2: Uint16Array, u1: Uint8Array};
const plain = (values) => {
  if (!values?.bdata) return values ?? [];
  const bytes = Uint8Array.from(atob(values.bdata), (letter) => letter.charCodeAt(0));
  return Array.from(new KINDS[values.dtype](bytes.buffer), Number);
};

// The traces with their last rows replaced and new ones added: what has changed since the figure was sent.
const lengthened = (data, tail) => data.map((trace, number) => {
  const rows = tail.traces[number];
  if (!rows) return trace;
  const ends = Object.entries(rows).map(([key, end]) => [key, plain(trace[key]).slice(0, tail.from).concat(end)]);
  return {...trace, ...Object.fromEntries(ends)};
});
const laid = (layout, changes) => Object.fromEntries([...Object.keys(layout), ...Object.keys(changes)].map((key) => [key,
  !(key in changes) ? layout[key] : Array.isArray(changes[key]) ? changes[key] : {...layout[key], ...changes[key]}]));

function render({model, el}) {
  el.classList.add("aura");
  const frame = document.createElement("figure");
  frame.className = "aura-panel aura-chart";
  const caption = document.createElement("figcaption"), title = document.createElement("strong"), under = document.createElement("span");
  const scroll = document.createElement("div"), place = document.createElement("div"), source = document.createElement("p");
  scroll.className = "aura-scroll"; place.className = "aura-plot"; source.className = "aura-note";
  caption.append(title, under); scroll.append(place); frame.append(caption, scroll, source);
  el.append(frame);

  const reach = () => { // who has no mouse scrolls with the keys: that needs the focus
    if (scroll.scrollWidth > scroll.clientWidth) scroll.tabIndex = 0; else scroll.removeAttribute("tabindex");
  };
  let drawn = Promise.resolve(), gone = false, sent = "", decoded = null;
  const figure = (swap) => {
    if (sent !== model.get("drawn")) {
      sent = model.get("drawn");
      const {arrays, figures: [one]} = JSON.parse(sent);
      decoded = {one, arrays};
    }
    const {data, layout} = dressed(decoded.one, swap, decoded.arrays), tail = model.get("tail");
    if (!tail.traces) return {data, layout};
    return {data: lengthened(data, tail), layout: laid(layout, dressed(tail.layout, swap, [])), source: tail.source};
  };
  const draw = async () => {
    const words = model.get("words"), swap = theme() === "dark" ? model.get("dark") : {};
    el.hidden = !Object.keys(words).length;
    scroll.hidden = Boolean(words.problem);
    if (words.problem) { title.textContent = "This figure cannot be drawn"; under.textContent = words.problem; source.textContent = ""; }
    if (el.hidden || words.problem) return;
    const Plotly = await plotly(model);
    if (gone) return;
    caption.hidden = !words.title;
    title.textContent = words.title; under.textContent = words.subtitle; source.textContent = words.source;
    scroll.style.minHeight = `${words.height}px`; // and as tall as its neighbours: the figure fills what there is
    place.style.minWidth = words.min_width ? `${words.min_width}px` : "";
    const {data, layout, source: told} = figure(swap);
    if (told) source.textContent = told;
    const margin = narrow.matches ? {l: 46, r: 8, t: 34, b: 40} : {l: 58, r: 12, t: 34, b: 42};
    margin.r = Math.max(margin.r, words.right ?? 0);
    const drag = narrow.matches ? {dragmode: false} : {}; // a finger on a figure scrolls the page
    await Plotly.react(place, data, {...layout, ...drag, margin}, {...CONFIG, displayModeBar: pointer.matches ? "hover" : false});
    reach();
    place.dataset.ready = "yes";
  };
  let due = false; // words and numbers change together: one drawing for both
  const again = () => {
    if (due || document.hidden) return; // who does not look is shown the newest numbers when they do
    due = true;
    drawn = drawn.then(() => { due = false; return draw(); }).catch((problem) => {
      source.textContent = `The figure cannot be drawn: ${problem.message}`;
    });
  };

  const seen = new MutationObserver(again);
  seen.observe(document.documentElement, {attributeFilter: ["data-theme"]});
  seen.observe(document.body, {attributeFilter: ["data-jp-theme-light"]});
  const sized = new ResizeObserver(() => {
    if (place.dataset.ready && window.Plotly) window.Plotly.Plots.resize(place);
    reach();
  });
  sized.observe(scroll);
  for (const media of [dark, narrow]) media.addEventListener("change", again);
  for (const what of SHOWN) model.on(`change:${what}`, again);
  document.addEventListener("visibilitychange", again);
  again();
  return () => {
    gone = true;
    seen.disconnect(); sized.disconnect();
    for (const media of [dark, narrow]) media.removeEventListener("change", again);
    for (const what of SHOWN) model.off(`change:${what}`, again);
    document.removeEventListener("visibilitychange", again);
    window.Plotly?.purge(place);
  };
}
export default {render};
