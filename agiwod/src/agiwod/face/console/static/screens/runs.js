// All runs, the newest first, of one state or agent or session if that is asked for.

import { h } from "../core/dom.js";
import { cost, duration, modelName, shorten, tokens, when } from "../core/format.js";
import { pageOf, turning } from "../core/paged.js";
import { badge, empty, heading, idLink, table, to } from "../core/parts.js";

const STATES = ["queued", "running", "waiting", "sleeping", "suspended", "completed", "failed", "cancelled"];
const OVER = ["completed", "failed", "cancelled"];
const PAGE = 50;

export async function show(page) {
  const state = page.query.get("state") ?? "";
  const agentId = page.query.get("agent") ?? undefined;
  const sessionId = page.query.get("session") ?? undefined;
  const asked = { agentId, sessionId, ...(state && { statuses: [state] }) };

  async function load() {
    const { runs, nextCursor } = await pageOf(page, "run/list", { ...asked, limit: PAGE });
    page.copies(() => runs);
    page.show("Runs", heading("Runs"), filters(state, agentId, sessionId), list(runs), turning(page, nextCursor));
  }
  page.loads(load, ["run"]);
}

function filters(state, agent, session) {
  const states = [["", "all"], ...STATES.map((each) => [each, each])];
  return h("div", { class: "filters" },
    h("div", { class: "tabs" }, states.map(([value, words]) => h("a", { href: to("runs", { state: value, agent, session }), "aria-current": value === state && "true" }, words))),
    (agent || session) && h("p", null, "Only of ", agent ? idLink("agent", agent, agent) : idLink("session", session), " · ", h("a", { href: to("runs", { state }) }, "show all")));
}

function list(runs) {
  if (runs.length === 0) return empty("There is no such run.", h("p", { class: "quiet" }, "Start one with ", h("code", null, "agiwod ask"), ", or from ", h("a", { href: to("agents") }, "an agent"), "."));
  return runTable(runs, "Runs");
}

// Runs as a table; what one has used is known once it is over.
export function runTable(runs, label) {
  return table(["run", "agent", "state", "what came out", "model", "tokens", "cost", "took", "begun"], runs.map(row), label);
}

function row(run) {
  const { usage } = run;
  const isOver = OVER.includes(run.status);
  const took = run.startedAt && Date.parse(run.endedAt ?? new Date().toISOString()) - Date.parse(run.startedAt);
  return [run.runId, idLink("run", run.runId), idLink("agent", run.agentId, run.agentId), badge(run.status), shorten(run.error?.message ?? run.response ?? "", 90), run.model && modelName(run.model),
    isOver && tokens(usage.inputTokens + usage.outputTokens), isOver && cost(usage.costUsd, usage.costBasis), duration(took), when(run.createdAt)];
}
