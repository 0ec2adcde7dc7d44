// One scheduled agent: how it stands, what it waits for, who works for it, what it has done.

import { composer } from "../core/composer.js";
import { h } from "../core/dom.js";
import { cost, duration, plural, tokens, when } from "../core/format.js";
import { pageOf, turning } from "../core/paged.js";
import { badge, empty, facts, heading, idLink, section, table, tell, to } from "../core/parts.js";
import { until, waits } from "../core/waits.js";
import { runTable } from "./runs.js";
import { ends } from "./scheduler.js";

const PAGE = 100;
const LATEST = 20;

export async function show(page) {
  const [stateId] = page.path;

  async function load() {
    const state = await page.call("scheduler/get", { stateId });
    const [below, runs] = await Promise.all([
      pageOf(page, "scheduler/list", { parentStateId: stateId, limit: PAGE }),
      page.call("run/list", { sessionId: state.sessionId, limit: LATEST }),
    ]);
    page.copies(() => ({ state, below: below.states, runs: runs.runs }));
    page.show(state.stateId, heading(state.stateId, ends(page, state, "")), about(state), task(page, state),
      state.result && section("What came out", h("div", { class: "card said" }, state.result)),
      section("Those that it started", children(below.states), turning(page, below.nextCursor)),
      section("Its runs", runTable(runs.runs, "Runs"), runs.nextCursor && h("p", null, h("a", { href: to("runs", { session: state.sessionId }) }, "all of them"))));
  }
  page.loads(load, ["scheduler", "run"]);
}

function about(state) {
  return facts(["state", badge(state.status, state.closing ? ", summing up" : "")], ["waits for", waits(state.wake)], ["until", until(state.wake)],
    ["waits for these", state.wake?.states?.length > 0 && state.wake.states.map((each) => [idLink("state", each), state.wake.ended.includes(each) ? " ✓ " : " "])],
    ["agent", idLink("agent", state.agentId, state.agentId)], ["works on", idLink("run", state.runId)], ["session", idLink("session", state.sessionId)], ["started by", idLink("state", state.parentStateId)],
    ["woken", plural(state.wakeCount, "time")], ["tasks that wait", state.queued || ""], ["tokens", tokens(state.tokens)], ["cost", cost(state.costUsd)], ["for", duration(state.elapsedMs)], ["begun", when(state.createdAt)], ["changed", when(state.updatedAt)]);
}

function task(page, state) {
  const said = h("div", { class: "card said" }, state.task);
  if (!state.persistent || state.closing || ["completed", "failed", "cancelled"].includes(state.status)) return section("Its task", said);
  const give = async (input) => {
    await page.call("scheduler/submitTask", { stateId: state.stateId, input, idempotencyKey: crypto.randomUUID() });
    tell("Given. Its tasks are done one after the other.");
  };
  return section("Its task", said, composer("Its next task", { words: "Give", send: give }));
}

function children(states) {
  if (states.length === 0) return empty("It has started none.");
  const rows = states.map((each) => [each.stateId, idLink("state", each.stateId), badge(each.status), each.task.slice(0, 90), waits(each.wake), until(each.wake), tokens(each.tokens), cost(each.costUsd)]);
  return table(["agent", "state", "task", "waits for", "until", "tokens", "cost"], rows, "Those that it started");
}
