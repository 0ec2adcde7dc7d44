// The MCP servers: how each stands, what tools it has, and starting one again.

import { h } from "../core/dom.js";
import { plural, when } from "../core/format.js";
import { pageOf, turning } from "../core/paged.js";
import { badge, button, empty, facts, folded, heading, section, table, tell } from "../core/parts.js";
import { projectsOf } from "../core/projects.js";
import { trouble } from "../core/trouble.js";

const PAGE = 50;

export async function show(page) {
  async function load() {
    const { bar, refusal } = await projectsOf(page);
    if (refusal) return page.show("MCP servers", heading("MCP servers"), bar, refusal);
    const { servers, skipped, nextCursor } = await pageOf(page, "mcp/list", { limit: PAGE });
    page.copies(() => ({ servers, skipped }));
    page.show("MCP servers", heading("MCP servers"), bar,
      servers.length > 0 ? servers.map(card) : empty("There is no MCP server.", h("p", { class: "quiet" }, "Name one in config.toml, as ", h("code", null, "[mcp.servers.NAME]"), ".")),
      turning(page, nextCursor, { first: "To the first ones", next: "More" }),
      skipped.length > 0 && section("Left out", table(["where", "server", "why"], skipped.map((each) => [each.path + each.name, h("code", null, each.path), each.name ?? "", each.reason]), "Left out")));
  }

  function card(server) {
    const { name } = server;
    return h("article", { class: "card", key: name },
      h("div", { class: "heading" }, h("h2", null, name, server.title && h("small", null, ` ${server.title}`)), h("div", { class: "actions" }, badge(server.status), button("Restart", () => restart(name)))), trouble(),
      server.error && h("p", { class: "failure" }, server.error),
      facts(["since", when(server.since)], ["over", server.transport], ["started again", server.restarts > 0 && plural(server.restarts, "time")], ["again", when(server.againAt)], ["pid", server.pid], ["protocol", server.protocolVersion]),
      server.tools.length > 0 ? folded(plural(server.tools.length, "tool"), h("ul", { class: "tags" }, server.tools.map((each) => h("li", null, h("code", null, each))))) : h("p", { class: "quiet" }, "It has listed no tools."));
  }

  async function restart(name) {
    const server = await page.call("mcp/restart", { name });
    tell(`${name} is ${server.status}.`, server.status === "ready" ? "" : "bad");
    look();
  }

  const look = page.loads(load, ["mcp"], { every: 5000 });
}
