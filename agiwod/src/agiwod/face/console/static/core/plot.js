// A plot over time, drawn as SVG: one line or stack of bars for each series, with what it is under the pointer.

import { h, svg } from "./dom.js";

// At the width of a phone a plot has fewer units, so that its words stay as large as those around it.
export const NARROW = matchMedia("(max-width: 760px)");

const HEIGHT = 190;
const LEFT = 62;
const BOTTOM = 22;
const TONES = 6;

// Bars that stand on each other. `times`: where each bin begins; `series`: `{name, values}`, a value a bin.
export function bars(title, times, series, shown) {
  const whole = width();
  const sums = times.map((_, bin) => series.reduce((sum, each) => sum + each.values[bin], 0));
  const scale = scaled(Math.max(...sums, 0));
  const wide = (whole - LEFT) / Math.max(times.length, 1);
  const boxes = times.flatMap((time, bin) => {
    let top = HEIGHT - BOTTOM;
    return series.map((each, place) => {
      const high = ((HEIGHT - BOTTOM - 10) * each.values[bin]) / scale.most;
      top -= high;
      return high > 0 && svg("rect", { class: `tone${place % TONES}`, x: LEFT + bin * wide + 0.5, y: top, width: Math.max(1, wide - 1.5), height: high },
        svg("title", null, `${label(time)} · ${each.name}: ${shown(each.values[bin])}`));
    });
  });
  return frame(title, whole, times, series, scale, shown, boxes);
}

// A line for each series; where there is no value, there is no line.
export function lines(title, times, series, shown) {
  const whole = width();
  const scale = scaled(Math.max(...series.flatMap((each) => each.values.filter((value) => value !== null)), 0));
  const wide = (whole - LEFT) / Math.max(times.length, 1);
  const x = (bin) => LEFT + (bin + 0.5) * wide;
  const y = (value) => HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - 10) * value) / scale.most;
  const drawn = series.flatMap((each, place) => {
    const points = each.values.map((value, bin) => (value === null ? null : [x(bin), y(value)]));
    const known = points.filter(Boolean);
    return [
      svg("polyline", { class: `line${place % TONES}`, points: known.map((point) => point.map((part) => part.toFixed(1)).join(",")).join(" ") }),
      ...points.map((point, bin) => point && svg("circle", { class: `tone${place % TONES}`, cx: point[0], cy: point[1], r: 3 }, svg("title", null, `${label(times[bin])} · ${each.name}: ${shown(each.values[bin])}`))),
    ];
  });
  return frame(title, whole, times, series, scale, shown, drawn);
}

function width() {
  return NARROW.matches ? 320 : 560;
}

function frame(title, whole, times, series, scale, shown, drawn) {
  const heights = [0, 0.5, 1].map((part) => {
    const y = HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 10) * part;
    return [svg("line", { class: "rule", x1: LEFT, x2: whole, y1: y, y2: y }), svg("text", { x: LEFT - 8, y: y + 4, "text-anchor": "end" }, shown(scale.most * part))];
  });
  const ends = [[0, "start"], [times.length - 1, "end"]].map(([bin, anchor]) => svg("text", { x: anchor === "start" ? LEFT : whole, y: HEIGHT - 5, "text-anchor": anchor }, label(times[bin])));
  const isNone = series.every((each) => each.values.every((value) => !value));
  const legend = series.map((each, place) => h("li", { key: each.name }, h("i", { class: `tone${place % TONES}` }), each.name));
  return h("figure", { class: "plot" }, h("figcaption", null, title, isNone && h("small", null, " none in this time")), svg("svg", { viewBox: `0 0 ${whole} ${HEIGHT}`, role: "img", "aria-label": `${title}, over time` }, heights.flat(), ends, drawn), h("ul", { class: "legend" }, legend));
}

// A round number above the largest one.
function scaled(most) {
  if (most <= 0) return { most: 1 };
  const step = 10 ** Math.floor(Math.log10(most));
  return { most: [1, 2, 2.5, 5, 10].map((each) => each * step).find((each) => each >= most) };
}

function label(time) {
  const moment = new Date(time);
  const isToday = moment.toDateString() === new Date().toDateString();
  return moment.toLocaleString(undefined, isToday ? { hour: "2-digit", minute: "2-digit" } : { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
}
