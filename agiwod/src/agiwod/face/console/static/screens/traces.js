// What runs did, as traces: the newest first, with how long each took and what it cost.

import { h } from "../core/dom.js";
import { cost, duration, plural, tokens, when } from "../core/format.js";
import { pageOf, turning } from "../core/paged.js";
import { badge, empty, heading, idLink, table, to } from "../core/parts.js";

const PAGE = 40;
const STATES = ["running", "ok", "error", "cancelled"];

export async function show(page) {
  const status = page.query.get("state") ?? "";
  const agentId = page.query.get("agent") ?? undefined;

  async function load() {
    const { traces, nextCursor } = await pageOf(page, "trace/list", { limit: PAGE, agentId, ...(status && { status }) });
    page.copies(() => traces);
    page.show("Traces", heading("Traces"),
      h("div", { class: "filters" }, h("div", { class: "tabs" }, ["", ...STATES].map((each) => h("a", { href: to("traces", { state: each, agent: agentId }), "aria-current": each === status && "true" }, each || "all"))),
        agentId && h("p", null, "Only of ", idLink("agent", agentId, agentId), " · ", h("a", { href: to("traces", { state: status }) }, "show all"))),
      traces.length > 0 ? list(traces) : empty("There is no such trace.", h("p", { class: "quiet" }, "Each run leaves one: nothing has to be turned on.")),
      turning(page, nextCursor));
  }

  function list(traces) {
    const most = Math.max(...traces.map((each) => each.durationMs ?? 0), 1);
    const rows = traces.map((each) => [each.traceId + each.runId, h("a", { class: "id", href: to("traces", each.runId) }, `${each.traceId.slice(0, 12)}…`), idLink("run", each.runId), idLink("agent", each.agentId, each.agentId), badge(each.status),
      each.durationMs !== undefined && h("span", { class: "took" }, h("i", { style: { width: `${Math.max(1, (100 * (each.durationMs ?? 0)) / most)}%` } }), duration(each.durationMs)),
      plural(each.llmCalls, "call"), plural(each.toolCalls, "call"), tokens(each.inputTokens + each.outputTokens), cost(each.costUsd, each.costBasis), when(each.startAt)]);
    return table(["trace", "run", "agent", "state", "took", "model", "tools", "tokens", "cost", "begun"], rows, "Traces");
  }

  page.loads(load, ["run"]);
}
