// One session: its history, from which one can go on, fork and go back; or beside another one, to see where they part.

import { composer } from "../core/composer.js";
import { h } from "../core/dom.js";
import { count, plural, shown, when, words } from "../core/format.js";
import { pageOf, partOf, turning } from "../core/paged.js";
import { ask, badge, busy, button, empty, facts, field, heading, idLink, section, to, wholeId } from "../core/parts.js";
import { Transcript } from "../core/transcript.js";

const PAGE = 200;
const COMPARED = 2000; // items of each of two branches

export async function show(page) {
  const [sessionId] = page.path;
  const other = page.query.get("beside");
  if (other) return compare(page, sessionId, other);
  let drawn = "";
  let transcript;

  async function load() {
    const [session, past, runs, sessions] = await Promise.all([
      page.call("session/get", { sessionId }),
      pageOf(page, "session/history", { sessionId, limit: PAGE }),
      page.call("run/list", { sessionId, limit: 20 }),
      page.call("session/list", { limit: 500 }),
    ]);
    const spoken = new Set([...past.items, ...runs.runs].map((each) => each.runId));
    const forks = sessions.sessions.filter((each) => spoken.has(each.forkedFrom) && each.sessionId !== sessionId);
    const origin = session.forkedFrom && (await page.call("run/get", { runId: session.forkedFrom }).catch(() => null));
    page.copies(() => ({ session, history: past.items }));
    const live = runs.runs.find((each) => !["completed", "failed", "cancelled"].includes(each.status));
    const mark = `${past.items.length} ${past.items.at(-1)?.seq} ${session.head} ${session.headSeq}`;
    if (mark !== drawn) {
      drawn = mark;
      transcript = told(past.items);
    }
    page.show(`Session of ${session.agentId}`, heading(["Session of ", idLink("agent", session.agentId, session.agentId)], button("Delete", remove, "danger")),
      facts(["session", wholeId("session", session.sessionId)], ["forked from", origin && idLink("session", origin.sessionId)], ["forked in", idLink("run", session.forkedFrom)], ["begun", when(session.createdAt)], ["used", when(session.updatedAt)],
        ["runs", h("a", { href: to("runs", { session: sessionId }) }, "all of them")], ["at work", live && [badge(live.status), " ", idLink("run", live.runId)]]),
      branches(origin, forks),
      past.items.length > 0 ? transcript.element : empty("Nothing has been said here yet."),
      turning(page, past.nextCursor, { first: "To the beginning", next: "What was said later" }),
      goOn(session));
  }

  function told(items) {
    const made = new Transcript({ acts: (seq, kind, event) => acts(event) });
    made.prepend(items.map((each) => ({ type: "item/completed", runId: each.runId, itemId: `${each.runId} ${each.itemId ?? each.seq}`, seq: each.seq, at: each.at, data: each.item })));
    return made;
  }

  function acts({ runId, seq }) {
    return h("span", { class: "acts" },
      h("a", { class: "quiet", href: to("runs", runId) }, "its run"),
      h("button", { type: "button", class: "plain", onclick: busy(() => change("session/fork", { at: runId, seq })) }, "fork here"),
      h("button", { type: "button", class: "plain", onclick: () => rewind(runId, seq) }, "go back to here"));
  }

  function rewind(at, seq) {
    ask("Go back to here?", h("p", null, "The history ends here from then on. What follows stays with its runs."), () => change("session/rewind", { at, seq }), "Go back");
  }

  async function change(method, params) {
    const session = await page.call(method, { sessionId, ...params });
    if (session.sessionId !== sessionId) location.hash = to("sessions", session.sessionId);
    else look();
  }

  function remove() {
    ask("Forget this session and all its runs?", h("p", null, "Nobody can have them back."), async () => {
      await page.call("session/delete", { sessionId });
      location.hash = to("sessions");
    }, "Forget them");
  }

  function branches(origin, forks) {
    const near = [...new Set([origin?.sessionId, ...forks.map((each) => each.sessionId)])].filter((each) => each && each !== sessionId);
    const compareTo = () => ask("Compare with another branch", field("other", "Session", { kind: near.length > 0 ? near : "text", required: true }), (form) => {
      location.hash = to("sessions", sessionId, { beside: form.get("other") });
    }, "Compare");
    return h("p", { class: "filters" }, forks.length > 0 && h("span", null, "Other branches: ", forks.map((each) => [idLink("session", each.sessionId), " "])), button("Compare with another branch", compareTo, "plain"));
  }

  function goOn(session) {
    return composer("Say something more", { placeholder: "Go on in this session", send: async (input) => {
      const begun = await page.call("run/start", { agent: session.agentId, sessionId, input, attach: false, idempotencyKey: crypto.randomUUID() });
      location.hash = to("runs", begun.runId, { project: page.project });
    } });
  }

  const look = page.loads(load, ["run"], { wants: (event) => event.data.sessionId === sessionId });
}

// Two branches side by side: what they share once, and what differs beside each other.
async function compare(page, one, other) {
  async function load() {
    const [left, right] = await Promise.all([one, other].map((sessionId) => history(page, sessionId)));
    page.copies(() => ({ [one]: left.items, [other]: right.items }));
    const same = shared(left.items, right.items);
    page.show("Two branches", heading("Two branches"),
      facts(["left", idLink("session", one)], ["right", idLink("session", other)], ["they share", plural(same, "item")]),
      same > 0 && section("What they share", h("ol", { class: "told" }, left.items.slice(0, same).map(line))),
      section("Where they part", h("div", { class: "branches" }, [[one, left], [other, right]].map(([id, past]) => h("div", null, h("h3", null, idLink("session", id)),
        past.items.length > same ? h("ol", { class: "told" }, past.items.slice(same).map(line)) : empty("Nothing more was said."))))),
      (left.isCut || right.isCut) && h("p", { class: "quiet" }, `Compared are the first ${count(COMPARED, "items")} of each.`));
  }
  page.loads(load, ["run"]);
}

// What was said in a session, as far as it is compared.
async function history(page, sessionId) {
  const items = [];
  let cursor;
  do {
    const found = await partOf(page, "session/history", { sessionId, limit: 500, cursor });
    items.push(...found.items);
    cursor = found.nextCursor;
  } while (cursor && items.length < COMPARED);
  return { items: items.slice(0, COMPARED), isCut: Boolean(cursor) };
}

function shared(left, right) {
  let same = 0;
  while (left[same] && right[same] && left[same].runId === right[same].runId && left[same].seq === right[same].seq) same += 1;
  return same;
}

function line({ runId, seq, item }) {
  const text = item.text ?? (item.content ? words(item.content) : item.kind === "toolCall" ? `${item.name}(${JSON.stringify(item.arguments)}) → ${shown(item.output.content)}` : shown(item));
  return h("li", { key: `${runId} ${seq}` }, h("small", null, item.kind === "userMessage" ? "user" : item.kind === "agentMessage" ? "agent" : item.kind), h("div", { class: "said" }, text));
}
