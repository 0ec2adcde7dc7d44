// Spans over time, each in a line. However many there are, only the lines that can be seen are made, and used again.

import { h } from "./dom.js";
import { duration } from "./format.js";

const LINE = 26; // pixels, as in the style
const BEYOND = 12; // lines that are kept above and below what is seen

export class Waterfall {
  element = h("div", { class: "waterfall", own: true, tabindex: "0", role: "listbox", "aria-label": "Spans" });
  #space = h("div", { class: "space" });
  #lines = []; // the one of a span is at its place, modulo how many there are: who scrolls by one fills one anew
  #spans = [];
  #depths = [];
  #chosen = -1;

  // `choose(span)` is called when somebody wants to see one.
  constructor(choose) {
    this.choose = choose;
    this.element.append(this.#space);
    let isDue = false;
    this.element.addEventListener("scroll", () => {
      if (isDue) return;
      isDue = true;
      requestAnimationFrame(() => {
        isDue = false;
        this.#draw();
      });
    }, { passive: true });
    this.element.addEventListener("keydown", (event) => this.#onKey(event));
    this.element.addEventListener("click", (event) => {
      const line = event.target.closest(".span");
      if (line) this.select(Number(line.dataset.place));
    });
    new ResizeObserver(() => this.#draw()).observe(this.element);
  }

  // Show these, over the time from `begin` to `end`; what is not over goes on until then.
  show(spans, begin, end) {
    Object.assign(this, { begin, end: Math.max(end, begin + 1) });
    this.#spans = spans;
    this.#depths = depths(spans);
    this.#space.style.height = `${spans.length * LINE}px`;
    this.element.style.height = `${spans.length * LINE + 2}px`; // as far as the style lets it
    for (const line of this.#lines) line.place = -1;
    this.#space.replaceChildren();
    this.#draw();
  }

  select(place) {
    if (place < 0 || place >= this.#spans.length) return;
    this.#lineOf(this.#chosen)?.element.removeAttribute("aria-selected");
    this.#chosen = place;
    const top = place * LINE;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + LINE > scrollTop + clientHeight) this.element.scrollTop = top + LINE - clientHeight;
    this.#draw();
    const line = this.#lineOf(place);
    line?.element.setAttribute("aria-selected", "true");
    if (line) this.element.setAttribute("aria-activedescendant", line.element.id);
    this.choose(this.#spans[place]);
  }

  // The first span behind the chosen one that fits.
  find(fits) {
    for (let step = 1; step <= this.#spans.length; step += 1) {
      const place = (Math.max(this.#chosen, -1) + step) % this.#spans.length;
      if (fits(this.#spans[place])) return this.select(place);
    }
    return undefined;
  }

  #onKey(event) {
    const page = Math.floor(this.element.clientHeight / LINE);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -this.#spans.length, End: this.#spans.length };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this.select(Math.max(0, Math.min(this.#spans.length - 1, this.#chosen + step)));
  }

  #lineOf(place) {
    const line = this.#lines[place % this.#lines.length];
    return line?.place === place ? line : undefined;
  }

  #draw() {
    const { scrollTop, clientHeight } = this.element;
    const first = Math.max(0, Math.floor(scrollTop / LINE) - BEYOND);
    const last = Math.min(this.#spans.length, Math.ceil((scrollTop + clientHeight) / LINE) + BEYOND);
    const most = Math.ceil(clientHeight / LINE) + 2 * BEYOND + 1;
    if (this.#lines.length < most) this.#hold(most);
    for (let place = first; place < last; place += 1) {
      const line = this.#lines[place % this.#lines.length];
      if (line.place !== place) this.#fill(line, place);
    }
  }

  // Have so many lines, of which none shows a span.
  #hold(number) {
    this.#lines = Array.from({ length: number }, newLine);
    this.#space.replaceChildren();
  }

  #fill(line, place) {
    const span = this.#spans[place];
    const whole = this.end - this.begin;
    const start = Date.parse(span.startAt);
    const from = (100 * (start - this.begin)) / whole;
    const ms = span.durationMs ?? Math.max(0, this.end - start);
    const { element, name, bar, took } = line;
    line.place = place;
    element.id = `span-${place}`;
    element.dataset.place = place;
    element.style.transform = `translateY(${place * LINE}px)`;
    element.setAttribute("aria-setsize", this.#spans.length);
    element.setAttribute("aria-posinset", place + 1);
    if (place === this.#chosen) element.setAttribute("aria-selected", "true");
    else element.removeAttribute("aria-selected");
    name.style.paddingInlineStart = `${0.5 + Math.min(this.#depths[place], 12) * 0.8}rem`;
    name.title = span.name;
    name.textContent = span.name.replace(/ \/\S*\//, " ");
    bar.className = `bar ${span.kind} ${span.status}`;
    bar.style.left = `${Math.max(0, Math.min(from, 99.8))}%`;
    bar.style.width = `${Math.max(0.2, Math.min(100 - from, (100 * ms) / whole))}%`;
    took.textContent = duration(span.durationMs) || "…";
    if (!element.isConnected) this.#space.append(element);
  }
}

function newLine() {
  const name = h("span", { class: "span-name" });
  const bar = h("i", { class: "bar" });
  const took = h("span", { class: "span-took" });
  return { place: -1, name, bar, took, element: h("div", { class: "span", role: "option" }, name, h("span", { class: "lane" }, bar), took) };
}

// How far below the first one each span is: parents stand before their children.
function depths(spans) {
  const known = new Map();
  return spans.map(({ spanId, parentSpanId }) => {
    const depth = (known.get(parentSpanId) ?? -1) + 1;
    known.set(spanId, depth);
    return depth;
  });
}
