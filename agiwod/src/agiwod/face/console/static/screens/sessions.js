// All sessions, the one used last first, with what they began with; and those in which certain words were said.

import { h } from "../core/dom.js";
import { shorten, when, words } from "../core/format.js";
import { pageOf, partOf, turning } from "../core/paged.js";
import { empty, heading, idLink, table, to } from "../core/parts.js";

const PAGE = 40;
const SEARCHED = 400; // sessions that are looked through at once

export async function show(page) {
  const agentId = page.query.get("agent") ?? undefined;
  const wanted = page.query.get("words") ?? "";
  const began = new Map(); // what was said first, by session
  let isLooking = false;

  async function load() {
    const found = await pageOf(page, "session/list", { agentId, limit: wanted ? SEARCHED : PAGE });
    let { sessions } = found;
    page.copies(() => sessions);
    if (wanted) {
      isLooking = true;
      draw([], found);
      sessions = await thoseWith(sessions, wanted.toLowerCase());
      isLooking = false;
    } else await Promise.all(sessions.map(first));
    draw(sessions, found);
  }

  function draw(sessions, found) {
    page.show("Sessions", heading("Sessions"), search(), agentId && h("p", null, "Only of ", idLink("agent", agentId, agentId), " · ", h("a", { href: to("sessions") }, "show all")),
      list(sessions, found.nextCursor), turning(page, found.nextCursor, wanted ? { first: "In the newest", next: "Search in older ones" } : undefined));
  }

  function search() {
    const submit = (event) => {
      event.preventDefault();
      location.hash = to("sessions", { words: event.target.elements.words.value.trim(), agent: agentId });
    };
    return h("form", { class: "filters", onsubmit: submit, role: "search" },
      h("input", { type: "search", name: "words", value: wanted, "aria-label": "Words that were said", placeholder: "words that were said, or an id" }), h("button", null, "Search"),
      wanted && h("a", { href: to("sessions", { agent: agentId }) }, "show all"));
  }

  function list(sessions, isMore) {
    if (isLooking) return h("p", { class: "quiet", role: "status" }, "Looking through what was said…");
    if (sessions.length === 0) return wanted ? empty(isMore || page.query.has("from") ? `“${wanted}” was said in none of these ${SEARCHED} sessions.` : `“${wanted}” was said in no session.`) : empty("There is no session yet.", h("p", { class: "quiet" }, "Each conversation with an agent is one: begin with ", h("code", null, "agiwod chat"), "."));
    const rows = sessions.map((each) => [each.sessionId, idLink("session", each.sessionId), idLink("agent", each.agentId, each.agentId), shorten(began.get(each.sessionId) ?? "", 110), idLink("run", each.forkedFrom), when(each.updatedAt), when(each.createdAt)]);
    return table(["session", "agent", wanted ? "where it was said" : "began with", "forked from", "used", "begun"], rows, "Sessions");
  }

  async function first({ sessionId, updatedAt }) {
    if (began.has(sessionId)) return;
    const { items } = await page.call("session/history", { sessionId, limit: 1 });
    if (items[0]) began.set(sessionId, said(items[0].item));
  }

  async function thoseWith(sessions, sought) {
    const found = [];
    for (let place = 0; place < sessions.length; place += 8) {
      const looked = await Promise.all(sessions.slice(place, place + 8).map(async (each) => (await has(each, sought)) && each));
      found.push(...looked.filter(Boolean));
    }
    return found;
  }

  async function has({ sessionId }, sought) {
    const isNamed = sessionId.toLowerCase().includes(sought);
    let cursor;
    do {
      const { items, nextCursor } = await partOf(page, "session/history", { sessionId, limit: 500, cursor });
      const hit = items.map((each) => said(each.item)).find((text) => isNamed || text.toLowerCase().includes(sought));
      if (hit !== undefined) {
        const at = Math.max(0, hit.toLowerCase().indexOf(sought) - 40);
        began.set(sessionId, (at > 0 ? "…" : "") + hit.slice(at, at + 200));
        return true;
      }
      cursor = nextCursor;
    } while (cursor);
    return isNamed;
  }

  page.loads(load, wanted ? [] : ["run"]);
}

function said(item) {
  return item.text ?? (item.content ? words(item.content) : "") ?? "";
}
