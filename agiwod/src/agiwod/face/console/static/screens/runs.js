// All runs, the newest first, of one state or agent or session if that is asked for.

import { h } from "../core/dom.js";
import { cost, duration, shorten, tokens, when } from "../core/format.js";
import { badge, empty, heading, idLink, more, table, to } from "../core/parts.js";

const STATES = ["queued", "running", "waiting", "sleeping", "suspended", "completed", "failed", "cancelled"];
const PAGE = 50;

export async function show(page) {
  const state = page.query.get("state") ?? "";
  const agentId = page.query.get("agent") ?? undefined;
  const sessionId = page.query.get("session") ?? undefined;
  const asked = { agentId, sessionId, ...(state && { statuses: [state] }) };
  let limit = PAGE;

  async function load() {
    const found = await page.call("run/list", { ...asked, limit });
    page.copies(() => found.runs);
    page.show("Runs", heading("Runs"), filters(state, agentId, sessionId), list(found.runs), more(found.nextCursor && limit < 1000, () => {
      limit = Math.min(limit + PAGE, 1000);
      look();
    }));
  }
  const look = page.loads(load, ["run"]);
}

function filters(state, agent, session) {
  const states = [["", "all"], ...STATES.map((each) => [each, each])];
  return h("div", { class: "filters" },
    h("div", { class: "tabs" }, states.map(([value, words]) => h("a", { href: to("runs", { state: value, agent, session }), "aria-current": value === state && "true" }, words))),
    (agent || session) && h("p", null, "Only of ", agent ? idLink("agent", agent, agent) : idLink("session", session), " · ", h("a", { href: to("runs", { state }) }, "show all")));
}

function list(runs) {
  if (runs.length === 0) return empty("There is no such run.", h("p", { class: "quiet" }, "Start one with ", h("code", null, "agiwod ask"), ", or from ", h("a", { href: to("agents") }, "an agent"), "."));
  return table(["run", "agent", "state", "what came out", "tokens", "cost", "took", "begun"], runs.map(row), "Runs");
}

export function row(run) {
  const { usage } = run;
  const took = run.startedAt && Date.parse(run.endedAt ?? new Date().toISOString()) - Date.parse(run.startedAt);
  return [run.runId, idLink("run", run.runId), idLink("agent", run.agentId, run.agentId), badge(run.status), shorten(run.error?.message ?? run.response ?? "", 90),
    tokens(usage.inputTokens + usage.outputTokens), cost(usage.costUsd, usage.costBasis), duration(took), when(run.createdAt)];
}
