// One trace as a waterfall, with the details of a span. Of ten thousand spans it shows those that can be seen.

import { h, render } from "../core/dom.js";
import { cost, count, duration, plural, shown, tokens, when } from "../core/format.js";
import { badge, code, empty, facts, heading, idLink, wholeId } from "../core/parts.js";
import { failure } from "../core/trouble.js";
import { Waterfall } from "../core/waterfall.js";

const PAGE = 1000;
const MOST = 100_000;
const LONG = 2000; // events of a run from which on its beginning is shown while the rest is being read
const BEGINNING = 200; // events that the beginning has

export async function show(page) {
  const [id] = page.path;
  const asked = /^[0-9a-f]{32}$/.test(id) ? { traceId: id } : { runId: (await page.call("run/find", { id })).runId };
  const isLong = !asked.runId || (await page.call("run/get", asked)).headSeq > LONG;
  const detail = h("aside", { class: "detail", own: true, "aria-live": "polite" }, empty("Choose a span to see what it was."));
  const waterfall = new Waterfall(describe);
  const view = h("div", { class: "trace", own: true }, waterfall.element, detail); // one for all, or nobody could scroll while it grows
  let spans = [];
  let isWhole = false;
  let chosen = null;
  let isReading = false;

  async function load() {
    if (isWhole) return;
    if (isLong && spans.length === 0) await glance();
    const found = await page.call("trace/get", { ...asked, limit: PAGE });
    let all = found.spans;
    draw(found.trace, all, found.total);
    while (all.length < Math.min(found.total, MOST)) {
      const next = await page.call("trace/get", { ...asked, after: all.length, limit: PAGE });
      if (next.spans.length === 0) break;
      all = all.concat(next.spans);
      draw(found.trace, all, found.total);
    }
    isWhole = found.trace.status !== "running";
  }

  // Show how it began: a long trace takes long to read.
  async function glance() {
    const begun = await page.call("trace/get", { ...asked, seq: BEGINNING, limit: PAGE });
    spans = begun.spans;
    page.copies(() => ({ trace: begun.trace, spans }));
    page.show("Trace", heading("Trace"), facts(...origin(begun.trace)),
      h("div", { class: "filters" }, search(), h("span", { class: "quiet" }, `the first ${count(spans.length, "spans")}; the rest is being read…`)),
      view);
    waterfall.show(spans, Date.parse(begun.trace.startAt), latest(spans));
  }

  function draw(trace, all, total) {
    spans = all;
    page.copies(() => ({ trace, spans }));
    const failed = spans.filter((each) => each.status === "error").length;
    page.show("Trace", heading("Trace"),
      facts(["state", badge(trace.status)], ...origin(trace), ["took", duration(trace.durationMs)],
        ["tokens", `${tokens(trace.inputTokens)} in · ${tokens(trace.outputTokens)} out`], ["cost", cost(trace.costUsd, trace.costBasis)], ["calls", `${plural(trace.llmCalls, "model call")}, ${plural(trace.toolCalls, "tool call")}`]),
      h("div", { class: "filters" }, search(), failed > 0 && h("button", { type: "button", onclick: () => waterfall.find((each) => each.status === "error") }, `Next of ${plural(failed, "error")}`), h("span", { class: "quiet" }, spans.length < total ? `${count(spans.length)} of ${count(total, "spans")}…` : count(total, "spans"))),
      view);
    waterfall.show(spans, Date.parse(trace.startAt), trace.endAt ? Math.max(Date.parse(trace.endAt), latest(spans)) : Date.now());
  }

  function search() {
    const find = (event) => {
      event.preventDefault();
      const sought = event.target.elements.words.value.toLowerCase();
      if (sought) waterfall.find((each) => each.name.toLowerCase().includes(sought) || each.kind.includes(sought) || each.spanId === sought);
    };
    return h("form", { role: "search", onsubmit: find }, h("input", { type: "search", name: "words", "aria-label": "Name of a span", placeholder: "name of a span" }), " ", h("button", null, "Next"));
  }

  // Tell of a span, then what was said in it: read for one at a time, since for that the daemon reads the whole trace.
  async function describe(span) {
    chosen = span;
    tellOf(span, h("p", { class: "quiet" }, "What was said in it is being read…"));
    if (isReading) return;
    isReading = true;
    for (let read = null; read !== chosen; ) {
      read = chosen;
      const [told, more] = await said(read);
      if (read === chosen) tellOf(told, more);
    }
    isReading = false;
  }

  // The span with what was said in it; or without, and why.
  async function said(span) {
    try {
      const { spans: [told] } = await page.call("trace/get", { ...asked, content: true, after: spans.indexOf(span), limit: 1 });
      return [told?.spanId === span.spanId ? { ...span, ...told } : span];
    } catch (error) {
      return [span, failure(error)];
    }
  }

  function tellOf(span, more = "") {
    const table = (values) => Object.entries(values).map(([name, value]) => [name, h("span", { class: "said" }, typeof value === "number" ? count(value) : shown(value))]);
    render(detail, h("h2", null, span.name),
      facts(["state", badge(span.status)], ["kind", span.kind.replace("_", " ")], ["took", duration(span.durationMs)], ["begun", when(span.startAt)], ["run", idLink("run", span.runId)], ["error", span.errorType], ["span", h("span", { class: "id" }, span.spanId)]),
      span.message && h("p", { class: "failure" }, span.message),
      more,
      span.input && [h("h3", null, "in"), code(span.input, "What went in")],
      span.output && [h("h3", null, "out"), code(span.output, "What came out")],
      Object.keys(span.metrics).length > 0 && [h("h3", null, "numbers"), facts(...table(span.metrics))],
      h("h3", null, "attributes"), facts(...table(span.attributes)));
  }

  page.loads(load, ["run"]);
}

function origin(trace) {
  return [["run", idLink("run", trace.runId)], ["agent", idLink("agent", trace.agentId, trace.agentId)], ["session", idLink("session", trace.sessionId)], ["begun", when(trace.startAt)], ["trace", wholeId("trace", trace.traceId)]];
}

// When the last of these spans ended that is over.
function latest(spans) {
  return spans.reduce((most, each) => (each.endAt ? Math.max(most, Date.parse(each.endAt)) : most), 0);
}
