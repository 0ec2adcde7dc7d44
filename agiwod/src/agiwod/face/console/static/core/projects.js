// The projects that the user trusts, and the one that a view is of: its address names it. Trusts none itself.

import { h } from "./dom.js";
import { link } from "./link.js";
import { button } from "./parts.js";

const MOST = 1000;

// What a view may say of projects: `bar`, where one chooses, and `refusal`, why nothing of the named one is shown.
export async function projectsOf(page) {
  const { projects, nextCursor } = await page.call("project/list", { limit: MOST });
  const asked = page.project;
  const here = link.server.workspace; // told when the tab came to where it works
  const found = projects.find((each) => each.root === (here?.root ?? asked));
  const isOpen = here?.trusted && (found?.trusted ?? true);
  const notice = found?.notice ?? here?.notice ?? `There is no project at ${asked}.`;
  const isRefused = asked && !isOpen;
  if (isRefused) page.copies(() => ({ project: asked, notice, projects }));
  return { bar: bar(page, projects, nextCursor, isOpen ? here.root : asked), refusal: isRefused && refusal(page, notice) };
}

function bar(page, projects, nextCursor, asked) {
  if (projects.length === 0 && !asked) return "";
  const names = shortNames(projects.map((each) => each.root));
  const choice = (root, words) => h("a", { href: page.with({ project: root, from: "" }), title: root || undefined, "aria-current": root === asked && "true" }, words);
  return h("nav", { class: "filters", "aria-label": "Projects" },
    h("div", { class: "tabs" }, choice("", "everybody's"), projects.map((each, place) => choice(each.root, [names[place], !each.trusted && h("small", null, " left out")]))),
    nextCursor && h("span", { class: "quiet" }, "There are more than these."));
}

// Each path by its last part, or as it is where another one ends alike.
function shortNames(roots) {
  const last = roots.map((each) => each.split(/[\\/]/).at(-1) || each);
  return last.map((each, place) => (last.indexOf(each) === last.lastIndexOf(each) ? each : roots[place]));
}

function refusal(page, notice) {
  return h("div", { class: "failure", role: "alert" },
    h("p", null, notice),
    h("p", { class: "quiet" }, "Nothing of it is taken as it is now. Put that right in a terminal, then look again."),
    h("p", { class: "actions" }, button("Look again", () => location.reload()), h("a", { href: page.with({ project: "", from: "" }) }, "What everybody has")));
}
