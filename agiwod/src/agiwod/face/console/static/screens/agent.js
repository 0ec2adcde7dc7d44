// One agent: what it is made of, a word with it, and its definition if a client has made it.

import { modelField } from "../core/choices.js";
import { composer } from "../core/composer.js";
import { h } from "../core/dom.js";
import { modelName } from "../core/format.js";
import { ask, button, code, empty, facts, field, heading, section, to } from "../core/parts.js";
import { projectsOf } from "../core/projects.js";
import { runTable } from "./runs.js";

export async function show(page) {
  const [agentId] = page.path;

  async function load() {
    const [agent, runs] = await Promise.all([found(page, agentId), page.call("run/list", { agentId, limit: 15 })]);
    const { project } = page;
    const { bar, refusal } = project || !agent ? await projectsOf(page) : {};
    if (refusal) return page.show(agentId, heading(agentId), bar, refusal);
    if (!agent) return gone(page, agentId, runs, bar);
    page.copies(() => agent);
    const isOurs = agent.source === "client";
    page.show(agent.agentId, heading(agent.agentId, isOurs && button("Edit", () => define(page, agent)), !isOurs && button("Define one like it", () => define(page, { ...agent, agentId: "", definition: undefined })), isOurs && button("Remove", () => remove(page, agentId), "danger")),
      h("p", null, agent.description),
      facts(["project", project && h("a", { href: to("agents", { project }) }, project)], ["model", modelName(agent.model)], ["defined in", agent.source], ["most steps", agent.maxSteps], ["sessions", h("a", { href: to("sessions", { agent: agentId }) }, "all of them")], ["runs", h("a", { href: to("runs", { agent: agentId }) }, "all of them")]),
      section("Talk to it", talk(page, agentId)),
      section("What it may use", names("tools", agent.tools), names("skills", agent.skills, project)),
      agent.systemPrompt && section("Its instructions", code(agent.systemPrompt, "Instructions")),
      section("Its latest runs", runs.runs.length > 0 ? runTable(runs.runs, "Runs") : empty("It has not run yet.")));
  }
  page.loads(load, ["agent", "run"], { wants: (event) => event.topic === "agent" || event.data.agentId === agentId });
}

// The agent of that id, if there is one.
async function found(page, agentId) {
  try {
    return await page.call("agent/get", { agentId });
  } catch (error) {
    if (error.kind === "not_found") return undefined;
    throw error;
  }
}

function gone(page, agentId, { runs }, bar) {
  page.copies(() => ({ agentId, runs }));
  page.show(agentId, heading(agentId, button("Define it", () => define(page, { agentId, tools: [], skills: [], description: "" }))),
    empty("There is no agent of this name.", h("p", { class: "quiet" }, "It may have been removed, be part of a project, or be the daemon's own. ", h("a", { href: to("agents", { project: page.project }) }, "To the agents"))),
    bar && section("Where to look for it", bar),
    section("Its latest runs", runs.length > 0 ? runTable(runs, "Runs") : empty("It has not run.")));
}

function names(kind, list, project) {
  return h("p", null, h("b", null, `${kind}: `), list.length > 0 ? list.map((each) => [kind === "skills" ? h("a", { href: to("skills", each, { project }) }, h("code", null, each)) : h("code", null, each), " "]) : h("span", { class: "quiet" }, "none"));
}

function talk(page, agentId) {
  return composer(`Say something to ${agentId}`, { send: async (input) => {
    const begun = await page.call("run/start", { agent: agentId, input, attach: false, idempotencyKey: crypto.randomUUID() });
    location.hash = to("runs", begun.runId, { project: page.project });
  } });
}

function remove(page, agentId) {
  ask(`Remove ${agentId}?`, h("p", null, "Its runs go on to their end."), async () => {
    await page.call("agent/remove", { agentId });
    location.hash = to("agents");
  }, "Remove");
}

// Have an agent, or have one that a client defined be another.
export async function define(page, agent = { agentId: "", tools: [], skills: [], description: "" }) {
  const { tools } = await page.call("tool/list", { limit: 500 });
  const list = (name, label, value, hint) => field(name, label, { value: value.join(", "), hint });
  const fields = [
    field("agentId", "Name", { value: agent.agentId, required: true, readonly: agent.agentId !== "" }),
    field("description", "What it is", { value: agent.description }),
    await modelField(page, agent.model ?? ""),
    field("systemPrompt", "Instructions", { kind: "textarea", rows: 7, value: agent.systemPrompt ?? "" }),
    list("tools", "Tools", agent.definition?.tools ?? agent.tools, `Of: ${tools.map((each) => each.name).join(", ")}; also mcp:SERVER/* and agent:ID.`),
    list("skills", "Skills", agent.definition?.skills ?? agent.skills, "Names, or patterns such as *."),
  ];
  ask(agent.agentId ? `Edit ${agent.agentId}` : "Define an agent", fields, async (form) => {
    const { agentId, description, model, systemPrompt } = Object.fromEntries(form);
    const several = (name) => form.get(name).split(",").map((each) => each.trim()).filter(Boolean);
    await page.call("agent/define", { ...agent.definition, agentId, description, systemPrompt, tools: several("tools"), skills: several("skills"), ...(model && { model }) });
    location.hash = to("agents", agentId);
  }, agent.agentId ? "Save" : "Define");
}
