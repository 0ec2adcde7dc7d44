// Times, amounts and sizes as people read them, each with its unit. Knows no element but `time`.

import { h } from "./dom.js";

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const whole = new Intl.NumberFormat("en-US");

const STEPS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

// A moment as the time since then or until then; the exact one is shown when the pointer rests on it.
export function when(moment, prefix = "") {
  if (!moment) return "";
  const element = h("time", { datetime: moment, title: exact.format(new Date(moment)) });
  element.dataset.prefix = prefix;
  element.textContent = relative(element);
  return element;
}

function relative(element) {
  const seconds = (Date.now() - Date.parse(element.dateTime)) / 1000;
  const size = Math.abs(seconds);
  const words = size < 1.5 ? "now" : seconds > 0 ? `${span(size)} ago` : `in ${span(size)}`;
  return element.dataset.prefix + words;
}

// All moments on the page are told anew, again and again.
export function keepTimes() {
  setInterval(() => {
    if (document.hidden) return;
    for (const element of document.querySelectorAll("time")) {
      const words = relative(element);
      if (element.textContent !== words) element.textContent = words;
    }
  }, 1000);
}

function span(seconds) {
  const [size, unit] = STEPS.find(([size]) => seconds >= size) ?? STEPS.at(-1);
  return `${Math.floor(seconds / size)} ${unit}`;
}

// A duration of so many milliseconds, of two units at most.
export function duration(ms) {
  if (ms === undefined || ms === null) return "";
  if (ms < 1) return "<1 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  const hours = Math.floor(seconds / 3600);
  return hours < 48 ? `${hours} h ${Math.round((seconds % 3600) / 60)} min` : `${Math.round(hours / 24)} d`;
}

export function count(number, unit = "") {
  return `${whole.format(number)}${unit && ` ${unit}`}`;
}

export function plural(number, one, many = `${one}s`) {
  return `${whole.format(number)} ${number === 1 ? one : many}`;
}

// Tokens, in thousands and millions where there are many.
export function tokens(number) {
  if (number < 10_000) return whole.format(number);
  return number < 1_000_000 ? `${(number / 1000).toFixed(1)} k` : `${(number / 1_000_000).toFixed(2)} M`;
}

export function cost(dollars, basis = "known") {
  if (dollars === undefined || dollars === null) return "";
  const sign = { known: "", estimated: "≈ ", lowerBound: "≥ " }[basis] ?? "";
  if (dollars === 0) return `${sign}$0`;
  return `${sign}$${dollars < 0.01 ? dollars.toPrecision(2) : dollars.toFixed(dollars < 1 ? 3 : 2)}`;
}

export function bytes(number) {
  if (number < 1024) return `${number} B`;
  const step = number < 2 ** 20 ? [2 ** 10, "KiB"] : number < 2 ** 30 ? [2 ** 20, "MiB"] : [2 ** 30, "GiB"];
  return `${(number / step[0]).toFixed(1)} ${step[1]}`;
}

// What was said, from parts or as it is.
export function words(input) {
  if (typeof input === "string") return input;
  return (input ?? []).map((part) => part.text ?? `[${part.type}${part.mimeType ? ` ${part.mimeType}` : ""}]`).join("\n");
}

// Any value of a tool as text: text as it is, all else as JSON over several lines.
export function shown(value) {
  return typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value, null, 2);
}

// A model's name; of one that is a file, that of the file.
export function modelName(name) {
  return name.startsWith("/") ? name.split("/").at(-1) : name;
}

export function shorten(text, most = 160) {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
}
