// The tree of scheduled agents as it lives: who works for whom, what each waits for; and when others begin.

import { agentField } from "../core/choices.js";
import { h } from "../core/dom.js";
import { cost, duration, plural, shorten, tokens, when, words } from "../core/format.js";
import { pageOf, turning } from "../core/paged.js";
import { ask, badge, button, empty, field, heading, idLink, section, table, tell, to } from "../core/parts.js";
import { until, waits } from "../core/waits.js";

const PAGE = 200;
const CRON = "agiwod:cron"; // the daemon's own agent, whose runs are the schedules

export async function show(page) {
  const folded = new Set(); // states whose children are not shown
  let shown = PAGE;
  let tree = { states: [] };
  let ended = { states: [] };
  let crons = { crons: [] };

  async function load() {
    [tree, ended, crons] = await Promise.all([
      page.call("scheduler/tree", { limit: 1000 }),
      pageOf(page, "scheduler/list", { roots: true, statuses: ["completed", "failed", "cancelled"], limit: 20 }),
      page.call("scheduler/listCrons", { limit: 500 }),
    ]);
    page.copies(() => ({ ...tree, ended: ended.states, crons: crons.crons }));
    draw();
  }

  function draw() {
    page.show("Scheduler",
      heading("Scheduler", button("Submit a task", () => submit(page), "main"), button("Add a schedule", () => addCron(page))),
      section(`At work: ${plural(tree.states.length, "agent")}`, forest()),
      section(page.query.has("from") ? "Ended before" : "Ended lately", done(ended.states), turning(page, ended.nextCursor)),
      section("Schedules", schedules(page, crons.crons), crons.nextCursor && h("p", { class: "quiet" }, "There are more than these.")));
  }

  function forest() {
    if (tree.states.length === 0) return empty("No scheduled agent is at work.", h("p", { class: "quiet" }, "Submit a task here, or with ", h("code", null, "agiwod schedule submit"), "."));
    const parents = new Set(tree.states.map((each) => each.parentStateId));
    const hidden = new Set();
    const visible = tree.states.filter((each) => {
      const isHidden = hidden.has(each.parentStateId) || folded.has(each.parentStateId);
      if (isHidden) hidden.add(each.stateId);
      return !isHidden;
    });
    const rows = visible.slice(0, shown).map((each) => branch(each, parents.has(each.stateId)));
    const rest = visible.length - rows.length;
    return [
      table(["agent", "state", "waits for", "until", "task", "tokens", "cost", "for", ""], rows, "Scheduled agents"),
      rest > 0 && h("p", { class: "more" }, button(`Show more: ${plural(rest, "agent")}`, () => {
        shown += PAGE;
        draw();
      })),
      tree.omitted && h("p", { class: "quiet" }, "There are more than these."),
    ];
  }

  function branch(each, isParent) {
    const fold = () => {
      if (!folded.delete(each.stateId)) folded.add(each.stateId);
      draw();
    };
    const isFolded = folded.has(each.stateId);
    const twig = h("span", { class: "twig", style: { paddingInlineStart: `${Math.min(each.depth, 8) * 1.1}rem` } },
      isParent ? h("button", { type: "button", class: "plain fold", "aria-expanded": String(!isFolded), "aria-label": "Those below it", onclick: fold }, isFolded ? "▸" : "▾") : h("span", { class: "leaf" }),
      idLink("state", each.stateId, shorten(each.stateId.length > 26 && each.depth > 0 ? `…${each.stateId.slice(-9)}` : each.stateId, 40)));
    return [each.stateId, twig, badge(each.status, each.closing ? ", summing up" : ""), waits(each.wake), until(each.wake), shorten(each.task, 60),
      tokens(each.tokens), cost(each.costUsd), duration(each.elapsedMs), ends(page, each)];
  }

  page.loads(load, ["scheduler", "run"], { wants: isScheduled });
}

// Whether an event is of the scheduler: of a state, or of a schedule.
export function isScheduled(event) {
  return event.topic === "scheduler" || event.data.agentId === CRON;
}

// The ways to end a state, each a button of that kind.
export function ends(page, state, kind = "plain") {
  if (["completed", "failed", "cancelled"].includes(state.status)) return "";
  return h("span", { class: "row-acts" },
    button("Shut down", async () => {
      await page.call("scheduler/shutdown", { stateId: state.stateId });
      tell("It sums up, and ends.");
    }, kind),
    button("Cancel", () => ask("End it and all below it, for good?", field("reason", "Reason"), (form) => page.call("scheduler/cancel", { stateId: state.stateId, ...(form.get("reason") && { reason: form.get("reason") }) }), "Cancel the agent"), `${kind} danger`));
}

function done(states) {
  if (states.length === 0) return empty("None has ended yet.");
  const rows = states.map((each) => [each.stateId, idLink("state", each.stateId), badge(each.status), shorten(each.task, 60), shorten(each.result ?? "", 90), tokens(each.tokens), cost(each.costUsd), when(each.updatedAt)]);
  return table(["agent", "state", "task", "what came out", "tokens", "cost", "ended"], rows, "Ended lately");
}

function schedules(page, crons) {
  if (crons.length === 0) return empty("Nothing begins by itself.", h("p", { class: "quiet" }, "A schedule has an agent begin a task again and again, such as every morning at eight."));
  const rows = crons.map((each) => [each.cronId, idLink("cron", each.cronId), idLink("agent", each.agentId, each.agentId), [h("code", null, each.cron), ` ${each.timezone}`], shorten(words(each.input), 60),
    each.nextAt ? when(each.nextAt) : "", last(each.last), plural(each.fired, "time"), button("Remove", () => removeCron(page, each.cronId), "plain danger")]);
  return table(["schedule", "agent", "when", "task", "next", "last", "began", ""], rows, "Schedules");
}

export function removeCron(page, cronId, removed = () => null) {
  ask("Remove this schedule?", h("p", null, "What it has begun goes on."), async () => {
    await page.call("scheduler/removeCron", { cronId });
    removed();
  }, "Remove");
}

// What became of the last time that a schedule named.
export function last(firing) {
  if (!firing) return "not yet";
  if (firing.error) return h("span", { class: "bad" }, firing.error);
  if (firing.skipped) return ["skipped ", when(firing.dueAt)];
  return [firing.stateId ? idLink("state", firing.stateId, "begun") : "begun", " ", when(firing.at)];
}

async function submit(page) {
  const fields = [await agentField(page), field("input", "Task", { kind: "textarea", required: true }), field("persistent", "Stays, and takes other tasks later", { kind: "checkbox" })];
  ask("Submit a task", fields, async (form) => {
    const begun = await page.call("scheduler/submit", { agent: form.get("agent"), input: form.get("input"), persistent: form.get("persistent") === "on", idempotencyKey: crypto.randomUUID() });
    location.hash = to("scheduler", begun.stateId);
  }, "Submit");
}

async function addCron(page) {
  const fields = [await agentField(page), field("input", "Task", { kind: "textarea", required: true }),
    field("cron", "When", { required: true, placeholder: "0 8 * * 1-5", hint: "Minute, hour, day of the month, month, day of the week." }),
    field("cronId", "Name", { hint: "Left empty, it gets one." }),
    field("timezone", "Time zone", { placeholder: "Europe/Berlin", hint: "Left empty, that of the daemon's machine." }),
    field("overlap", "While the one before is at work", { kind: [["skip", "skip it"], ["queue", "begin when that has ended"]] })];
  ask("Add a schedule", fields, async (form) => {
    const { agent, input, cron, cronId, timezone, overlap } = Object.fromEntries(form);
    await page.call("scheduler/addCron", { agent, input, cron, overlap, ...(cronId && { cronId }), ...(timezone && { timezone }) });
  }, "Add");
}
