// One run: what is said in it as it is said, and all that can be done with it.

import { h, render } from "../core/dom.js";
import { cost, count, duration, tokens, when } from "../core/format.js";
import { ask, badge, button, facts, field, heading, idLink, tell, to } from "../core/parts.js";
import { question } from "../core/questions.js";
import { Transcript } from "../core/transcript.js";

const NEAR = 300; // events of a long run that are read at first, from its end
const PAGE = 200;
const OVER = ["completed", "failed", "cancelled"];
const ENDS = ["run/completed", "run/failed", "run/cancelled"];

export async function show(page) {
  const [typed] = page.path;
  const { runId } = await page.call("run/find", { id: typed });
  let run = await page.call("run/get", { runId });
  const head = h("div", { own: true });
  const earlier = h("p", { class: "more", own: true });
  const composer = h("div", { own: true });
  const transcript = new Transcript({ acts: (seq, kind) => acts(seq, kind), asks: question, changed });

  page.copies(async () => run);
  page.show(`Run of ${run.agentId}`, head, earlier, transcript.element, composer);
  drawHead();
  drawComposer();
  const begin = Math.max(0, run.headSeq - NEAR);
  page.follow(runId, begin, (event, error) => (error ? page.fail(error) : transcript.take(event)));
  page.loads(refresh, ["run"], { wants: (event) => event.data.runId === runId });

  async function refresh() {
    run = await page.call("run/get", { runId });
    drawHead();
    drawComposer();
  }

  function changed(events, isAtEnd) {
    drawEarlier();
    if (isAtEnd && !OVER.includes(run.status)) window.scrollTo(0, document.documentElement.scrollHeight);
    if (events.some((event) => ENDS.includes(event.type))) refresh().catch(() => null);
  }

  function drawEarlier() {
    const before = transcript.first - 1;
    render(earlier, Number.isFinite(before) && before > 0 && button(`Show earlier: ${count(before, "events")} before these`, async () => {
      const after = Math.max(0, before - PAGE);
      const { events } = await page.call("run/events", { runId, after, limit: before - after });
      const height = document.documentElement.scrollHeight;
      transcript.prepend(events);
      window.scrollBy(0, document.documentElement.scrollHeight - height);
      drawEarlier();
    }));
  }

  function drawHead() {
    const { usage } = run;
    const isOver = OVER.includes(run.status);
    const took = run.startedAt && Date.parse(run.endedAt ?? new Date().toISOString()) - Date.parse(run.startedAt);
    render(head,
      heading(["Run of ", idLink("agent", run.agentId, run.agentId)],
        !isOver && button("Cancel", cancel, "danger"),
        run.status === "suspended" && button("Try again", () => page.call("run/resume", { runId })),
        isOver && button("Replay", () => replay(1))),
      facts(["state", badge(run.status)], ["why", run.error?.message ?? (run.terminationReason !== "completed" && run.terminationReason)], ["run", h("span", { class: "id" }, run.runId)], ["session", idLink("session", run.sessionId)],
        ["parent", idLink("run", run.parentRunId)], ["begun", when(run.createdAt)], ["took", isOver ? duration(took) : ""],
        ["tokens", `${tokens(usage.inputTokens)} in · ${tokens(usage.outputTokens)} out`], ["cost", cost(usage.costUsd, usage.costBasis)],
        ["trace", h("a", { href: to("traces", runId) }, "as a waterfall")]));
  }

  function drawComposer() {
    if (OVER.includes(run.status)) return render(composer, goOn());
    render(composer, h("form", { class: "composer", key: "steer", onsubmit: steer },
      h("textarea", { name: "input", rows: 2, "aria-label": "Tell the run something more", placeholder: "Tell the run something more; its next model call includes it", onkeydown: sendOnEnter }),
      h("button", { class: "main" }, "Steer")));
  }

  function goOn() {
    return h("form", { class: "composer", key: "go-on", onsubmit: next },
      h("textarea", { name: "input", rows: 2, "aria-label": "Say something more in this session", placeholder: "Go on in this session: a new run of the same agent", onkeydown: sendOnEnter }),
      h("button", { class: "main" }, "Send"));
  }

  async function steer(event) {
    event.preventDefault();
    const { input } = event.target.elements;
    if (!input.value.trim()) return;
    try {
      await page.call("run/steer", { runId, input: input.value });
      input.value = "";
      tell("Said. The next model call includes it.");
    } catch (error) {
      tell(error.message, "bad");
    }
  }

  async function next(event) {
    event.preventDefault();
    const { input } = event.target.elements;
    if (!input.value.trim()) return;
    try {
      const begun = await page.call("run/start", { agent: run.agentId, sessionId: run.sessionId, input: input.value, attach: false, idempotencyKey: crypto.randomUUID() });
      location.hash = to("runs", begun.runId);
    } catch (error) {
      tell(error.message, "bad");
    }
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
      h("button", { type: "button", class: "plain", onclick: () => fork(seq), title: "A new session that goes on behind this step" }, "fork here"));
  }

  function replay(fromSeq) {
    const fields = [field("model", "Model", { hint: "Leave it empty for the one that the run had." }), field("fromSeq", "From event", { kind: "number", min: 1, value: fromSeq, hint: "What was answered before it stands; tools answer as they were recorded." })];
    ask("Replay this run", fields, async (form) => {
      const begun = await page.call("run/replay", { runId, fromSeq: Number(form.get("fromSeq")) || 1, attach: false, ...(form.get("model") && { model: form.get("model") }) });
      location.hash = to("runs", begun.runId);
    }, "Replay");
  }

  async function fork(seq) {
    try {
      const session = await page.call("session/fork", { sessionId: run.sessionId, at: runId, seq });
      location.hash = to("sessions", session.sessionId);
    } catch (error) {
      tell(error.message, "bad");
    }
  }
}

function sendOnEnter(event) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  event.target.form.requestSubmit();
}
