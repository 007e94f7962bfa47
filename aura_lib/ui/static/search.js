// A search box with a list of what was found: a combobox that arrows, Enter and Escape move through.
let boxes = 0;

function render({model, el}) {
  el.classList.add("aura");
  const id = `aura-search-${boxes += 1}`;
  const frame = document.createElement("div");
  frame.className = "aura-search";
  const label = Object.assign(document.createElement("label"), {htmlFor: id, textContent: model.get("label")});
  const box = Object.assign(document.createElement("input"), {
    id, type: "text", autocomplete: "off", spellcheck: false, placeholder: model.get("hint"),
  });
  const list = Object.assign(document.createElement("ul"), {id: `${id}-list`, hidden: true});
  const said = Object.assign(document.createElement("span"), {className: "aura-unseen"});
  const attributes = {role: "combobox", "aria-expanded": "false", "aria-controls": list.id, "aria-autocomplete": "list"};
  for (const [name, value] of Object.entries(attributes)) box.setAttribute(name, value);
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", model.get("label"));
  said.setAttribute("role", "status");
  frame.append(label, box, list, said);
  el.append(frame);

  let place = -1, timer = 0;
  const options = () => [...list.querySelectorAll("[role=option]")];
  const move = (to) => {
    const all = options();
    if (!all.length) return;
    place = (to + all.length) % all.length;
    all.forEach((one, number) => one.setAttribute("aria-selected", String(number === place)));
    box.setAttribute("aria-activedescendant", all[place].id);
    all[place].scrollIntoView({block: "nearest"});
  };
  const close = () => {
    list.hidden = true;
    place = -1;
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
  };
  const choose = (one) => {
    if (!one) return;
    model.send({choose: one.dataset.value});
    box.value = "";
    said.textContent = "";
    close();
  };
  const show = () => {
    const {text, rows} = model.get("found");
    if (!box.value.trim() || text !== box.value.trim()) return; // an answer to what was typed before
    list.replaceChildren(...rows.map(([value, symbol, name, note], number) => {
      const item = Object.assign(document.createElement("li"), {id: `${id}-${number}`});
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", "false");
      item.dataset.value = value;
      const parts = [["b", symbol], ["span", name], ["small", note]];
      item.append(...parts.map(([tag, words]) => Object.assign(document.createElement(tag), {textContent: words})));
      return item;
    }));
    if (!rows.length) {
      const none = Object.assign(document.createElement("li"), {textContent: "Nothing found", className: "aura-quiet"});
      none.setAttribute("role", "option");
      none.setAttribute("aria-disabled", "true");
      none.setAttribute("aria-selected", "false");
      list.replaceChildren(none);
    }
    list.hidden = false;
    box.setAttribute("aria-expanded", "true");
    said.textContent = rows.length ? `${rows.length} found` : "nothing found";
    place = -1;
    if (rows.length) move(0);
  };
  const ask = () => {
    clearTimeout(timer);
    const text = box.value.trim();
    if (!text) { close(); return; }
    timer = setTimeout(() => model.send({search: text}), 80);
  };
  const pressed = (event) => {
    if (event.key === "Escape") { close(); box.value = ""; return; }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) ask(); else move(place + (event.key === "ArrowDown" ? 1 : -1));
    }
    if (event.key === "Enter" && !list.hidden) { event.preventDefault(); choose(options()[place]?.dataset.value ? options()[place] : null); }
  };
  const clicked = (event) => {
    const one = event.target.closest("[role=option]");
    if (one?.dataset.value) choose(one);
  };
  const slash = (event) => { // as on many pages of this kind
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? "");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) { event.preventDefault(); box.focus(); }
  };
  const left = () => setTimeout(close, 150); // a click on the list comes first
  box.addEventListener("input", ask);
  box.addEventListener("keydown", pressed);
  box.addEventListener("blur", left);
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", clicked);
  document.addEventListener("keydown", slash);
  model.on("change:found", show);
  return () => {
    clearTimeout(timer);
    document.removeEventListener("keydown", slash);
    model.off("change:found", show);
  };
}
export default {render};
