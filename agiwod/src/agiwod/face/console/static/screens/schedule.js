// One schedule: what it begins and when, what became of the last time, and what it has begun.

import { h } from "../core/dom.js";
import { plural, shorten, tokens, when, words } from "../core/format.js";
import { pageOf, turning } from "../core/paged.js";
import { badge, button, empty, facts, heading, idLink, section, table, to } from "../core/parts.js";
import { isScheduled, last, removeCron } from "./scheduler.js";

const PAGE = 100; // tasks of its agent that are looked through at once

export async function show(page) {
  const [cronId] = page.path;

  async function load() {
    const cron = await find(page, cronId);
    if (!cron) return page.show(cronId, heading(cronId), empty("There is no such schedule.", h("p", { class: "quiet" }, "It may have been removed; what it had begun goes on. ", h("a", { href: to("scheduler") }, "To the scheduler"))));
    const { states, nextCursor } = await pageOf(page, "scheduler/list", { agentId: cron.agentId, roots: true, limit: PAGE });
    const begun = states.filter((each) => each.stateId.startsWith(`${cronId}@`));
    page.copies(() => ({ cron, begun }));
    page.show(cronId, heading(cronId, button("Remove", () => removeCron(page, cronId, () => { location.hash = to("scheduler"); }), "danger")),
      facts(["agent", idLink("agent", cron.agentId, cron.agentId)], ["when", [h("code", null, cron.cron), ` ${cron.timezone}`]], ["next", when(cron.nextAt)], ["last", last(cron.last)], ["began", plural(cron.fired, "time")],
        ["while the one before is at work", cron.overlap === "skip" ? "it is skipped" : "it waits"], ["kept by", idLink("run", cron.runId)], ["since", when(cron.createdAt)]),
      section("Its task", h("div", { class: "card said" }, words(cron.input))),
      section("What it began", list(begun, nextCursor || page.query.has("from")), turning(page, nextCursor)));
  }
  page.loads(load, ["scheduler", "run"], { wants: isScheduled });
}

function list(states, isPart) {
  if (states.length === 0) return empty(isPart ? "Nothing on this page is of it." : "It has begun nothing yet.");
  const rows = states.map((each) => [each.stateId, idLink("state", each.stateId), badge(each.status), shorten(each.result ?? "", 120), tokens(each.tokens), when(each.createdAt)]);
  return table(["agent", "state", "what came out", "tokens", "begun"], rows, "What it began");
}

// The schedule of that id, if there is one.
async function find(page, cronId) {
  let cursor;
  do {
    const { crons, nextCursor } = await page.call("scheduler/listCrons", { limit: 500, ...(cursor && { cursor }) });
    const found = crons.find((each) => each.cronId === cronId);
    if (found) return found;
    cursor = nextCursor;
  } while (cursor);
  return undefined;
}
