// Tokens, cost and latency over time, of each agent or each model. Counted by the page from the latest traces.

import { h } from "../core/dom.js";
import { cost, count, duration, modelName, plural, tokens } from "../core/format.js";
import { empty, heading, idLink, section, table, to } from "../core/parts.js";
import { bars, lines } from "../core/plot.js";

const SPANS = [["1", "an hour"], ["24", "a day"], ["168", "a week"], ["720", "a month"]];
const BINS = 36;
const MOST = 3000; // runs that are counted; the newest
const PAGE = 500;

export async function show(page) {
  const hours = Number(page.query.get("hours") ?? 24) || 24;
  const by = page.query.get("by") === "model" ? "model" : "agent";
  const models = new Map();
  let hasDrawn = false;

  async function load() {
    const begin = Date.now() - hours * 3_600_000;
    if (by === "model") await learnModels();
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

  // Which model an agent has: what a run was told to use instead counts as its agent's.
  async function learnModels() {
    const { agents } = await page.call("agent/list", { limit: 500 });
    for (const each of agents) models.set(each.agentId, modelName(each.model));
  }

  function tally(runs, begin) {
    const wide = (hours * 3_600_000) / BINS;
    const times = Array.from({ length: BINS }, (_, bin) => begin + bin * wide);
    const series = new Map();
    for (const run of runs) {
      const name = by === "model" ? models.get(run.agentId) ?? "no longer known" : run.agentId;
      if (!series.has(name)) series.set(name, { name, runs: 0, failed: 0, tokens: Array(BINS).fill(0), cost: Array(BINS).fill(0), times: Array.from({ length: BINS }, () => []) });
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
    return h("div", { class: "filters" }, tabs(SPANS, String(hours), (each) => ({ hours: each, by })), tabs([["agent", "by agent"], ["model", "by model"]], by, (each) => ({ hours, by: each })));
  }

  function plots({ times, series }) {
    const of = (give) => series.map((each) => ({ name: each.name, values: give(each) }));
    return [
      h("div", { class: "plots" },
        bars("tokens", times, of((each) => each.tokens), (value) => tokens(Math.round(value))),
        bars("cost", times, of((each) => each.cost), (value) => cost(value)),
        lines("latency of a run, median", times, of((each) => each.times.map(median)), (value) => duration(value))),
      section("In sum", table([by, "runs", "failed", "tokens", "cost", "median", "slowest"], series.map((each) => {
        const all = each.times.flat();
        return [each.name, by === "agent" ? idLink("agent", each.name, each.name) : each.name, plural(each.runs, "run"), count(each.failed), tokens(total(each.tokens)), cost(total(each.cost)), duration(median(all)), all.length > 0 ? duration(Math.max(...all)) : ""];
      }), "In sum")),
    ];
  }

  page.loads(load, ["run"], { wants: (event) => ["run/completed", "run/failed", "run/cancelled"].includes(event.type) });
}

function total(numbers) {
  return numbers.reduce((sum, each) => sum + each, 0);
}

function median(numbers) {
  if (numbers.length === 0) return null;
  const sorted = [...numbers].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)];
}
