// What goes on at this moment: runs, sleepers and what they wait for, tokens and cost, errors, clients, health.

import { h } from "../core/dom.js";
import { cost, count, duration, plural, shorten, tokens, when } from "../core/format.js";
import { badge, empty, figure, heading, idLink, section, spark, table, to } from "../core/parts.js";
import { until, waits } from "../core/waits.js";

const SHOWN = 12;

export async function show(page) {
  const rates = []; // tokens per second, of the last looks
  let before = null;

  async function load() {
    const [now, status, tree, failed] = await Promise.all([
      page.call("daemon/activity", { limit: 200 }),
      page.call("daemon/status"),
      page.call("scheduler/list", { statuses: ["sleeping"], limit: 50 }),
      page.call("run/list", { statuses: ["failed"], limit: 5 }),
    ]);
    if (before) rates.push(Math.max(0, now.outputTokens - before.outputTokens) / Math.max(0.5, (Date.parse(now.at) - Date.parse(before.at)) / 1000));
    if (rates.length > 60) rates.shift();
    before = now;
    page.copies(() => ({ activity: now, status, sleepers: tree.states, failed: failed.runs }));
    page.show("Overview", heading("Overview"), health(status), figures(now, rates), live(now), sleepers(tree), errors(failed), clients(now));
  }
  page.loads(load, ["run", "scheduler", "approval", "client", "daemon", "agent"], { every: 2000 });
}

function health(status) {
  const troubles = [
    status.config.state === "failed" && `The settings were refused: ${status.config.error}`,
    status.config.afterRestart.length > 0 && `Changed settings wait for a restart: ${status.config.afterRestart.join(", ")}`,
    status.telemetry?.state === "failing" && "Traces cannot be sent.",
  ].filter(Boolean);
  return h("div", { class: "health" },
    h("p", null, badge(status.state), ` for ${duration(status.uptimeSeconds * 1000)}`, h("span", { class: "quiet" }, ` · store: ${status.storage.kind} · pid ${status.pid}`)),
    troubles.map((each) => h("p", { class: "failure", role: "alert" }, each)));
}

function figures(now, rates) {
  const { counts } = now;
  const hours = now.uptimeSeconds / 3600;
  const perHour = (sum) => (hours < 1 / 60 ? undefined : sum / hours);
  const spent = perHour(now.costUsd);
  const used = perHour(now.inputTokens + now.outputTokens);
  return h("dl", { class: "figures" },
    figure("at work", plural(counts.running, "run"), counts.queued > 0 && `${count(counts.queued)} queued`),
    figure("asking", plural(counts.waiting, "run"), "for somebody's word"),
    figure("asleep", plural(counts.sleeping, "run"), counts.suspended > 0 && `${count(counts.suspended)} suspended`),
    figure("tokens", tokens(now.inputTokens + now.outputTokens), used === undefined ? "since it began" : `${tokens(Math.round(used))} an hour`),
    figure("cost", cost(now.costUsd), spent === undefined ? "since it began" : `${cost(spent)} an hour`),
    h("div", { class: "figure wide" }, h("dt", null, "tokens a second, made"), h("dd", null, count(Math.round(rates.at(-1) ?? 0)), spark(rates.length > 1 ? rates : [0, 0], "tokens a second over the last looks"))));
}

function live(now) {
  const active = now.runs.filter((run) => run.status !== "sleeping");
  if (active.length === 0) return section("Live runs", empty("No run is under way.", h("p", { class: "quiet" }, "Start one from ", h("a", { href: to("agents") }, "an agent"), ", or with ", h("code", null, "agiwod ask"), ".")));
  const rows = active.slice(0, SHOWN).map((run) => [run.runId, idLink("run", run.runId), idLink("agent", run.agentId, run.agentId), badge(run.status), run.doing ?? "", tokens(run.inputTokens + run.outputTokens), cost(run.costUsd), duration(run.elapsedMs)]);
  const rest = active.length + now.omitted - rows.length;
  return section("Live runs", table(["run", "agent", "state", "doing", "tokens", "cost", "for"], rows, "Live runs"),
    rest > 0 && h("p", null, h("a", { href: to("runs") }, `${plural(rest, "more run")}`)));
}

function sleepers({ states }) {
  if (states.length === 0) return section("Sleepers", empty("No agent is asleep."));
  const rows = states.slice(0, SHOWN).map((each) => [each.stateId, idLink("state", each.stateId), idLink("agent", each.agentId, each.agentId), shorten(each.task, 60), waits(each.wake), until(each.wake)]);
  return section("Sleepers", table(["state", "agent", "task", "waits for", "until"], rows, "Sleepers"),
    states.length > SHOWN && h("p", null, h("a", { href: to("scheduler") }, "all of them")));
}

function errors({ runs }) {
  if (runs.length === 0) return section("Latest failures", empty("No run has failed."));
  const rows = runs.map((run) => [run.runId, idLink("run", run.runId), idLink("agent", run.agentId, run.agentId), shorten(run.error?.message ?? run.terminationReason ?? "", 120), when(run.endedAt ?? run.createdAt)]);
  return section("Latest failures", table(["run", "agent", "why", "when"], rows, "Latest failures"));
}

function clients(now) {
  const rows = now.clients.map((each) => [each.connectionId, each.title ?? each.name, each.version ?? "", each.pid ?? "", plural(each.runs.length, "run"), count(each.lag, "events"), when(each.connectedAt)]);
  return section("Clients", table(["client", "version", "pid", "follows", "behind by", "since"], rows, "Clients"));
}
