// Spans over time, each in a line. However many there are, only the lines that can be seen are made.

import { h } from "./dom.js";
import { duration } from "./format.js";

const LINE = 26; // pixels, as in the style
const BEYOND = 12; // lines that are made above and below what is seen

export class Waterfall {
  element = h("div", { class: "waterfall", own: true, tabindex: "0", role: "listbox", "aria-label": "Spans" });
  #space = h("div", { class: "space" });
  #made = new Map(); // lines by their place
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

  set spans(spans) {
    this.#spans = spans;
    const starts = spans.map((each) => Date.parse(each.startAt));
    this.begin = starts.reduce((least, each) => Math.min(least, each), Infinity);
    this.end = spans.reduce((most, each) => Math.max(most, each.endAt ? Date.parse(each.endAt) : Date.now()), this.begin + 1);
    this.#depths = depths(spans);
    this.#space.style.height = `${spans.length * LINE}px`;
    this.element.style.height = `${spans.length * LINE + 2}px`; // as far as the style lets it
    for (const line of this.#made.values()) line.remove();
    this.#made.clear();
    this.#draw();
  }

  select(place) {
    if (place < 0 || place >= this.#spans.length) return;
    this.#made.get(this.#chosen)?.removeAttribute("aria-selected");
    this.#chosen = place;
    const top = place * LINE;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + LINE > scrollTop + clientHeight) this.element.scrollTop = top + LINE - clientHeight;
    this.#draw();
    const line = this.#made.get(place);
    line?.setAttribute("aria-selected", "true");
    if (line) this.element.setAttribute("aria-activedescendant", line.id);
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

  #draw() {
    const first = Math.max(0, Math.floor(this.element.scrollTop / LINE) - BEYOND);
    const last = Math.min(this.#spans.length, Math.ceil((this.element.scrollTop + this.element.clientHeight) / LINE) + BEYOND);
    for (const [place, line] of this.#made) {
      if (place >= first && place < last) continue;
      line.remove();
      this.#made.delete(place);
    }
    const made = document.createDocumentFragment();
    for (let place = first; place < last; place += 1) {
      if (this.#made.has(place)) continue;
      const line = this.#line(this.#spans[place], place);
      this.#made.set(place, line);
      made.append(line);
    }
    this.#space.append(made);
  }

  #line(span, place) {
    const whole = this.end - this.begin;
    const from = (100 * (Date.parse(span.startAt) - this.begin)) / whole;
    const ms = span.durationMs ?? Math.max(0, Date.now() - Date.parse(span.startAt));
    const name = h("span", { class: "span-name", style: { paddingInlineStart: `${0.5 + Math.min(this.#depths[place], 12) * 0.8}rem` }, title: span.name }, span.name.replace(/ \/\S*\//, " "));
    const bar = h("i", { class: `bar ${span.kind} ${span.status}`, style: { left: `${Math.min(from, 99.8)}%`, width: `${Math.max(0.2, Math.min(100 - from, (100 * ms) / whole))}%` } });
    return h("div", { class: "span", id: `span-${place}`, role: "option", "data-place": place, "aria-selected": place === this.#chosen && "true", "aria-setsize": this.#spans.length, "aria-posinset": place + 1, style: { transform: `translateY(${place * LINE}px)` } },
      name, h("span", { class: "lane" }, bar), h("span", { class: "span-took" }, duration(span.durationMs) || "…"));
  }
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
