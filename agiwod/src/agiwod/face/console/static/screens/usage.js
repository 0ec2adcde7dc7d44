// Tokens, cost and latency over time, of each agent, each model, or each agent with each model. Counted by the page.

import { h } from "../core/dom.js";
import { cost, count, duration, modelName, plural, tokens } from "../core/format.js";
import { empty, heading, idLink, section, table, to } from "../core/parts.js";
import { bars, lines, NARROW } from "../core/plot.js";

const SPANS = [["1", "an hour"], ["24", "a day"], ["168", "a week"], ["720", "a month"]];
const BY = [["agent", "by agent"], ["model", "by model"], ["both", "by agent and model"]];
const BINS = 36;
const SERIES = 6; // that are told apart in a plot; the rest are one
const MOST = 3000; // runs that are counted; the newest
const PAGE = 500;

export async function show(page) {
  const hours = Number(page.query.get("hours") ?? 24) || 24;
  const by = BY.map(([name]) => name).find((name) => name === page.query.get("by")) ?? "agent";
  let hasDrawn = false;

  async function load() {
    const begin = Date.now() - hours * 3_600_000;
    draw(begin, await latest(begin, (runs) => hasDrawn || draw(begin, { runs, isCut: true })));
    hasDrawn = true;
  }

  function draw(begin, { runs, isCut }) {
    const counted = tally(runs, begin);
    page.copies(() => counted);
    page.show("Usage", heading("Usage"), choices(), runs.length === 0 ? empty("No run was made in this time.") : plots(counted), isCut && h("p", { class: "quiet" }, `Counted so far: the newest ${count(runs.length, "runs")}.`));
  }

  // The runs of this time, at most as many as are counted; `tell` has those that are there so far.
  async function latest(begin, tell) {
    const runs = [];
    let cursor;
    do {
      const found = await page.call("run/list", { limit: PAGE, ...(cursor && { cursor }) });
      const inside = found.runs.filter((each) => Date.parse(each.createdAt) >= begin);
      runs.push(...inside);
      cursor = inside.length === found.runs.length ? found.nextCursor : undefined;
      if (cursor && runs.length > 0) tell(runs);
    } while (cursor && runs.length < MOST);
    return { runs, isCut: Boolean(cursor) };
  }

  function tally(runs, begin) {
    const wide = (hours * 3_600_000) / BINS;
    const times = Array.from({ length: BINS }, (_, bin) => begin + bin * wide);
    const series = new Map();
    for (const run of runs) {
      const name = nameOf(run, by);
      if (!series.has(name)) series.set(name, { name, agentId: by === "model" ? undefined : run.agentId, runs: 0, failed: 0, tokens: Array(BINS).fill(0), cost: Array(BINS).fill(0), times: Array.from({ length: BINS }, () => []) });
      const into = series.get(name);
      const bin = Math.min(BINS - 1, Math.max(0, Math.floor((Date.parse(run.createdAt) - begin) / wide)));
      into.runs += 1;
      into.failed += run.status === "failed";
      into.tokens[bin] += run.usage.inputTokens + run.usage.outputTokens;
      into.cost[bin] += run.usage.costUsd ?? 0;
      if (run.startedAt && run.endedAt) into.times[bin].push(Date.parse(run.endedAt) - Date.parse(run.startedAt));
    }
    return { by, times, series: [...series.values()].sort((one, other) => total(other.tokens) - total(one.tokens)) };
  }

  function choices() {
    const tabs = (list, value, make) => h("div", { class: "tabs" }, list.map(([each, words]) => h("a", { href: to("usage", make(each)), "aria-current": each === value && "true" }, words)));
    return h("div", { class: "filters" }, tabs(SPANS, String(hours), (each) => ({ hours: each, by })), tabs(BY, by, (each) => ({ hours, by: each })));
  }

  function plots({ times, series }) {
    const told = merged(series);
    const of = (give) => told.map((each) => ({ name: each.name, values: give(each) }));
    return [
      h("div", { class: "plots" },
        bars("tokens", times, of((each) => each.tokens), (value) => tokens(Math.round(value))),
        bars("cost", times, of((each) => each.cost), (value) => cost(value)),
        lines("latency of a run, median", times, of((each) => each.times.map(median)), (value) => (value === 0 ? "0 ms" : duration(value)))),
      section("In sum", table([by === "both" ? "agent and model" : by, "runs", "failed", "tokens", "cost", "median", "slowest"], series.map((each) => {
        const all = each.times.flat();
        return [each.name, each.agentId ? idLink("agent", each.agentId, each.name) : each.name, plural(each.runs, "run"), count(each.failed), tokens(total(each.tokens)), cost(total(each.cost)), duration(median(all)), all.length > 0 ? duration(Math.max(...all)) : ""];
      }), "In sum")),
    ];
  }

  const look = page.loads(load, ["run"], { wants: (event) => ["run/completed", "run/failed", "run/cancelled"].includes(event.type) });
  NARROW.addEventListener("change", look, { signal: page.signal });
}

function nameOf(run, by) {
  const model = run.model ? modelName(run.model) : "not begun";
  return by === "agent" ? run.agentId : by === "model" ? model : `${run.agentId} · ${model}`;
}

// At most as many series as a plot tells apart, those of the fewest tokens in one.
function merged(series) {
  if (series.length <= SERIES) return series;
  const rest = series.slice(SERIES - 1);
  const sum = (give) => rest[0].tokens.map((_, bin) => rest.reduce((all, each) => all + give(each)[bin], 0));
  const others = { name: `${rest.length} others`, tokens: sum((each) => each.tokens), cost: sum((each) => each.cost), times: rest[0].times.map((_, bin) => rest.flatMap((each) => each.times[bin])) };
  return [...series.slice(0, SERIES - 1), others];
}

function total(numbers) {
  return numbers.reduce((sum, each) => sum + each, 0);
}

function median(numbers) {
  if (numbers.length === 0) return null;
  const sorted = [...numbers].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)];
}
