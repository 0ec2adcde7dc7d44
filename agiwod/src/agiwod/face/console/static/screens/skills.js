// The skills, as they are at this moment: what is wrong with some, and what was left out.

import { h } from "../core/dom.js";
import { plural, shorten } from "../core/format.js";
import { pageOf, turning } from "../core/paged.js";
import { badge, button, empty, heading, idLink, section, table, tell } from "../core/parts.js";
import { projectsOf } from "../core/projects.js";

const PAGE = 100;

export async function show(page) {
  async function load() {
    const { bar, refusal } = await projectsOf(page);
    if (refusal) return page.show("Skills", heading("Skills"), bar, refusal);
    const { skills, skipped, nextCursor } = await pageOf(page, "skill/list", { limit: PAGE });
    page.copies(() => ({ skills, skipped }));
    page.show("Skills", heading("Skills", button("Look again", reload)), bar,
      skills.length > 0 ? list(skills) : empty("There are no skills.", h("p", { class: "quiet" }, "A skill is a directory with a SKILL.md in it; ", h("code", null, "agiwod skills"), " says where they are looked for.")),
      turning(page, nextCursor, { first: "To the first ones", next: "More" }),
      skipped.length > 0 && section("Left out", table(["file", "line", "why"], skipped.map((each) => [each.path, h("code", null, each.path), each.line ?? "", each.reason]), "Left out")));
  }

  function list(skills) {
    const rows = skills.map((each) => [each.name, idLink("skill", each.name, each.name, { project: page.project }), shorten(each.description, 140), each.source, worst(each.diagnostics)]);
    return table(["skill", "what it is for", "from", "diagnostics"], rows, "Skills");
  }

  async function reload() {
    const { added, changed, removed } = await page.call("skill/reload");
    tell(`${plural(added.length, "new skill")}, ${changed.length} changed, ${removed.length} gone.`);
    look();
  }

  const look = page.loads(load, ["skill"]);
}

export function worst(diagnostics) {
  if (diagnostics.length === 0) return badge("ok");
  const errors = diagnostics.filter((each) => each.severity === "error").length;
  return badge(errors > 0 ? "error" : "warning", ` × ${diagnostics.length}`);
}
