// What screens are made of: headings, badges, ids, tables, states of emptiness, questions. Asks the daemon nothing.

import { h, svg } from "./dom.js";
import { link } from "./link.js";
import { tellTrouble, trouble } from "./trouble.js";

const PLACES = { run: "runs", ses: "sessions", session: "sessions", agent: "agents", state: "scheduler", cron: "schedules", trace: "traces", skill: "skills" };

// An address within the console.
export function to(screen, ...rest) {
  const query = typeof rest.at(-1) === "object" ? rest.pop() : {};
  const asked = new URLSearchParams(Object.entries(query).filter(([, value]) => value)).toString();
  return `#/${[screen, ...rest].map(encodeURIComponent).join("/")}${asked && `?${asked}`}`;
}

// A link to the thing of that kind: its id, shortened where it is long. `asked` is what its address asks for.
export function idLink(kind, id, label, asked = {}) {
  if (!id) return "";
  const short = label ?? (id.length > 22 ? `${id.slice(0, 14)}…${id.slice(-4)}` : id);
  return h("a", { class: !label ? "id" : short.length < 24 ? "short" : "", href: to(PLACES[kind], id, asked), title: id }, short);
}

// The same with all of the id, where a view tells whose it is.
export function wholeId(kind, id) {
  return h("a", { class: "id", href: to(PLACES[kind], id) }, id);
}

const TONES = {
  running: "go", ready: "good", ok: "good", completed: "good", sleeping: "calm", waiting: "ask", queued: "still", pending: "still",
  suspended: "ask", failed: "bad", error: "bad", parked: "bad", cancelled: "still", stopped: "still", starting: "go",
  degraded: "bad", draining: "ask", warning: "ask", unset: "still",
  allowed: "good", "allowed for the session": "good", denied: "bad", "not answered in time": "bad",
};

// A state in a word, in its colour.
export function badge(status, more = "") {
  return h("span", { class: `badge ${TONES[status] ?? "still"}` }, status, more);
}

// The heading of a view, with what can be done there.
export function heading(title, ...actions) {
  return h("div", { class: "heading" }, h("h1", null, title), h("div", { class: "actions" }, actions, copyButton()), trouble());
}

let current = null; // the page that is shown

export function shows(page) {
  current = page;
}

function copyButton() {
  return h("button", { class: "plain", type: "button", title: "Copy what is shown as JSON", onclick: copy }, "Copy as JSON");
}

async function copy() {
  const text = JSON.stringify((await current?.json()) ?? null, null, 2);
  try {
    await navigator.clipboard.writeText(text);
    tell("Copied.");
  } catch {
    ask("What is shown, as JSON", h("pre", { class: "code", tabindex: "0" }, text)); // no clipboard: to be taken by hand
  }
}

export function button(words, onclick, kind = "") {
  return h("button", { class: kind, type: "button", onclick: busy(onclick) }, words);
}

// A handler that is not called again while it is at work; what goes wrong is told beside it. It is given the element.
export function busy(work) {
  return async (event) => {
    const element = event.currentTarget;
    if (event.type === "submit") event.preventDefault();
    if (element.getAttribute("aria-busy") === "true") return;
    element.setAttribute("aria-busy", "true");
    try {
      await work(element);
      tellTrouble(element, null);
    } catch (error) {
      if (error.name !== "AbortError") tellTrouble(element, error);
    } finally {
      element.removeAttribute("aria-busy");
    }
  };
}

// A table whose rows are `[key, ...cells]`. At the width of a phone each row becomes a card, each cell with its heading.
export function table(names, rows, label) {
  const head = h("tr", null, names.map((name) => h("th", { scope: "col" }, name)));
  const body = rows.map(([key, ...cells]) => h("tr", { key }, cells.map((cell, place) => h("td", { class: isShort(cell) && "short", "data-name": names[place] }, cell))));
  return h("table", { "aria-label": label }, h("thead", null, head), h("tbody", null, body));
}

// Whether it fits into one line: a number with its unit is not to be torn apart.
function isShort(cell) {
  return typeof cell === "string" && cell.length < 14;
}

// What is said where there is nothing: that there is nothing, and how there would be something.
export function empty(words, ...more) {
  return h("div", { class: "empty" }, h("p", null, words), more);
}

export function skeleton() {
  return h("div", { class: "skeleton", "aria-busy": "true", "aria-label": "Loading" }, [1, 2, 3].map(() => h("div")));
}

// A number with its name, as on the overview.
export function figure(name, value, more) {
  return h("div", { class: "figure" }, h("dt", null, name), h("dd", null, value, more && h("small", null, more)));
}

export function facts(...pairs) {
  const told = pairs.filter(([, value]) => value !== undefined && value !== null && value !== false && value !== "");
  return h("dl", { class: "facts" }, told.map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))));
}

export function section(title, ...children) {
  return h("section", null, h("h2", null, title), trouble(), children);
}

// Something long, folded.
export function folded(words, content, { open = false, key, kind = "" } = {}) {
  return h("details", { key, open, class: kind }, h("summary", null, words), content);
}

export function code(text, label = "Text") {
  return h("pre", { class: "code", tabindex: "0", "aria-label": label }, text);
}

// A button that has the next page of a list shown, while there is one.
export function more(cursor, onclick) {
  return cursor ? h("p", { class: "more" }, button("Show more", onclick)) : "";
}

// Say something for a moment.
export function tell(words, kind = "") {
  const told = document.getElementById("told");
  const note = h("p", { class: kind }, words);
  told.replaceChildren(note);
  setTimeout(() => note.remove(), kind === "bad" ? 8000 : 3000);
}

// A dialog with a form, which is over when `submit` has done its work with what was filled in, or when it is closed.
export function ask(title, content, submit, words = "OK") {
  const dialog = h("dialog", { "aria-label": title });
  const done = () => dialog.close();
  const send = busy(async (filled) => {
    await submit?.(new FormData(filled));
    done();
  });
  const form = h("form", { onsubmit: send }, h("h2", null, title), content, trouble(),
    h("div", { class: "actions" }, h("button", { type: "button", class: "plain", onclick: done }, submit ? "Cancel" : "Close"), submit && h("button", { class: "main" }, words)));
  dialog.append(form);
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (document.activeElement === document.body) document.getElementById("main").focus({ preventScroll: true });
  });
  current?.ends(done);
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

// A field of a form with its label. `kind`: text, textarea, checkbox, number, or a list of choices.
export function field(name, label, { kind = "text", value = "", hint = "", ...more } = {}) {
  const id = `field-${name}`;
  const props = { id, name, ...more };
  let input;
  if (Array.isArray(kind)) {
    input = h("select", props, kind.map((each) => option(each)));
    if (value) input.value = value;
  } else if (kind === "textarea") input = h("textarea", { rows: 4, ...props, value });
  else if (kind === "checkbox") input = h("input", { type: kind, ...props, checked: Boolean(value) });
  else input = h("input", { type: kind, ...props, value });
  return h("p", { class: `field ${kind === "checkbox" ? "check" : ""}` }, h("label", { for: id }, label), input, hint && h("small", null, hint));
}

function option(each) {
  const [value, words] = Array.isArray(each) ? each : [each, each];
  return h("option", { value }, words);
}

// A little line of what a number was.
export function spark(numbers, label) {
  const most = Math.max(...numbers, 1e-9);
  const step = 100 / Math.max(numbers.length - 1, 1);
  const line = numbers.map((each, place) => `${(place * step).toFixed(1)},${(23 - (each / most) * 22).toFixed(1)}`).join(" ");
  return svg("svg", { class: "spark", viewBox: "0 0 100 24", preserveAspectRatio: "none", role: "img", "aria-label": label },
    svg("polyline", { points: line, fill: "none" }));
}

export { link };
