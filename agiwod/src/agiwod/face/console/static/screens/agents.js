// The agents: which there are, and new ones of one's own.

import { h } from "../core/dom.js";
import { modelName, plural, shorten } from "../core/format.js";
import { pageOf, turning } from "../core/paged.js";
import { button, empty, heading, idLink, table, to } from "../core/parts.js";
import { projectsOf } from "../core/projects.js";
import { define } from "./agent.js";

const PAGE = 100;

export async function show(page) {
  async function load() {
    const { bar, refusal } = await projectsOf(page);
    if (refusal) return page.show("Agents", heading("Agents"), bar, refusal);
    const { agents, defaultAgent, nextCursor } = await pageOf(page, "agent/list", { limit: PAGE });
    page.copies(() => agents);
    page.show("Agents", heading("Agents", button("Define an agent", () => define(page), "main")), bar, page.project && beside(page),
      agents.length > 0 ? list(agents, defaultAgent) : empty("There are no agents.", h("p", { class: "quiet" }, "Define one here, or in config.toml.")),
      turning(page, nextCursor, { first: "To the first ones", next: "More" }));
  }

  function list(agents, usual) {
    const rows = agents.map((each) => [each.agentId, [idLink("agent", each.agentId, each.agentId, { project: page.project }), each.agentId === usual && h("small", null, " default")], shorten(each.description, 110), modelName(each.model), plural(each.tools.length, "tool"), plural(each.skills.length, "skill"), each.source]);
    return table(["agent", "what it is", "model", "tools", "skills", "defined in"], rows, "Agents");
  }

  page.loads(load, ["agent"]);
}

// What else is of the project that the view is of.
function beside({ project }) {
  return h("p", null, "Those of ", h("code", null, project), " beside everybody's; it has ", h("a", { href: to("skills", { project }) }, "skills"), " and ", h("a", { href: to("mcp", { project }) }, "MCP servers"), ", too.");
}
