// One skill: its text, its files, and what is to be said of it.

import { h } from "../core/dom.js";
import { badge, code, facts, heading, section } from "../core/parts.js";

export async function show(page) {
  const [name] = page.path;

  async function load() {
    const skill = await page.call("skill/get", { name });
    page.copies(() => skill);
    page.show(skill.name, heading(skill.name), h("p", null, skill.description),
      facts(["from", skill.source], ["file", h("code", null, skill.path)], ["version", h("span", { class: "id" }, skill.version)], ["license", skill.license], ["needs", skill.compatibility], ...Object.entries(skill.metadata)),
      skill.diagnostics.length > 0 && section("Diagnostics", h("ul", { class: "told" }, skill.diagnostics.map((each) => h("li", null, badge(each.severity), each.line && ` line ${each.line}`, `: ${each.message}`)))),
      section("Its text", code(skill.body, "Text of the skill")),
      skill.resources.length > 0 && section("Its files", h("ul", { class: "told" }, skill.resources.map((each) => h("li", null, h("code", null, each))))));
  }
  page.loads(load, ["skill"]);
}
