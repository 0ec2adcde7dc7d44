// One run: what is said in it as it is said, and all that can be done with it.

import { composer } from "../core/composer.js";
import { h, render } from "../core/dom.js";
import { cost, duration, modelName, tokens, when } from "../core/format.js";
import { ask, badge, busy, button, facts, field, heading, idLink, tell, to, wholeId } from "../core/parts.js";
import { question } from "../core/questions.js";
import { Stretch } from "../core/stretch.js";

const OVER = ["completed", "failed", "cancelled"];
const ENDS = ["run/completed", "run/failed", "run/cancelled"];

export async function show(page) {
  const [typed] = page.path;
  const { runId } = await page.call("run/find", { id: typed });
  let run = await page.call("run/get", { runId });
  let used = run.usage; // of one that is under way, as the daemon tells of all that are
  const head = h("div", { own: true });
  const saying = h("div", { own: true });
  const stretch = new Stretch(page, run, { acts: (seq, kind) => acts(seq, kind), asks: question, changed });

  page.copies(async () => ({ run, events: await stretch.events() }));
  page.show(`Run of ${run.agentId}`, head, stretch.element, saying);
  drawHead();
  drawSaying();
  const seq = Number(page.query.get("seq"));
  await (seq >= 1 ? stretch.at(seq) : stretch.end());
  page.loads(refresh, ["run"], { wants: (event) => event.data.runId === runId });

  async function refresh() {
    run = await page.call("run/get", { runId });
    used = OVER.includes(run.status) ? run.usage : await soFar();
    drawHead();
    drawSaying();
  }

  async function soFar() {
    const { runs } = await page.call("daemon/activity", { limit: 200 });
    return runs.find((each) => each.runId === runId) ?? run.usage;
  }

  function changed(events, isAtEnd) {
    if (isAtEnd && !OVER.includes(run.status)) window.scrollTo(0, document.documentElement.scrollHeight);
    if (events.some((event) => ENDS.includes(event.type))) refresh().catch(() => null);
  }

  function drawHead() {
    const isOver = OVER.includes(run.status);
    const took = run.startedAt && Date.parse(run.endedAt ?? new Date().toISOString()) - Date.parse(run.startedAt);
    render(head,
      heading(["Run of ", idLink("agent", run.agentId, run.agentId)],
        !isOver && button("Cancel", cancel, "danger"),
        run.status === "suspended" && button("Try again", () => page.call("run/resume", { runId })),
        isOver && button("Replay", () => replay(1))),
      facts(["state", badge(run.status)], ["why", run.error?.message ?? (run.terminationReason !== "completed" && run.terminationReason)], ["run", wholeId("run", run.runId)], ["model", run.model && modelName(run.model)], ["session", idLink("session", run.sessionId)],
        ["parent", idLink("run", run.parentRunId)], ["begun", when(run.createdAt)], ["took", isOver ? duration(took) : ""],
        ["tokens", `${tokens(used.inputTokens)} in · ${tokens(used.outputTokens)} out`], ["cost", cost(used.costUsd, used.costBasis)],
        ["trace", h("a", { href: to("traces", runId) }, "as a waterfall")]));
  }

  function drawSaying() {
    render(saying, OVER.includes(run.status)
      ? composer("Say something more in this session", { placeholder: "Go on in this session: a new run of the same agent", send: next })
      : composer("Tell the run something more", { placeholder: "Tell the run something more; its next model call includes it", words: "Steer", send: steer }));
  }

  async function steer(input) {
    await page.call("run/steer", { runId, input });
    tell("Said. The next model call includes it.");
  }

  async function next(input) {
    const begun = await page.call("run/start", { agent: run.agentId, sessionId: run.sessionId, input, attach: false, idempotencyKey: crypto.randomUUID() });
    location.hash = to("runs", begun.runId);
  }

  function cancel() {
    ask("Cancel this run and those below it?", field("reason", "Reason", { hint: "Recorded with the run." }), async (form) => {
      await page.call("run/cancel", { runId, reason: form.get("reason") || "cancelled in the console" });
    }, "Cancel the run");
  }

  function acts(seq, kind) {
    if (kind === "userMessage" || !seq) return null;
    return h("span", { class: "acts" },
      h("button", { type: "button", class: "plain", onclick: () => replay(seq), title: "Do the run once more; what was answered before this step stands" }, "replay from here"),
      h("button", { type: "button", class: "plain", onclick: busy(() => fork(seq)), title: "A new session that goes on behind this step" }, "fork here"));
  }

  function replay(fromSeq) {
    const fields = [field("model", "Model", { hint: "Leave it empty for the one that the run had." }), field("fromSeq", "From event", { kind: "number", min: 1, value: fromSeq, hint: "What was answered before it stands; tools answer as they were recorded." })];
    ask("Replay this run", fields, async (form) => {
      const begun = await page.call("run/replay", { runId, fromSeq: Number(form.get("fromSeq")) || 1, attach: false, ...(form.get("model") && { model: form.get("model") }) });
      location.hash = to("runs", begun.runId);
    }, "Replay");
  }

  async function fork(seq) {
    const session = await page.call("session/fork", { sessionId: run.sessionId, at: runId, seq });
    location.hash = to("sessions", session.sessionId);
  }
}
