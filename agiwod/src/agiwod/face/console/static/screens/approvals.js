// The inbox: all calls that wait for somebody's word, the oldest first. Answered here or anywhere else, they go.

import { h } from "../core/dom.js";
import { when } from "../core/format.js";
import { empty, heading, idLink } from "../core/parts.js";
import { question } from "../core/questions.js";

export async function show(page) {
  const shown = new Map(); // by id: what is typed into one must not be lost when another one comes

  async function load() {
    const { approvals } = await page.call("approval/list");
    page.copies(() => approvals);
    const open = new Set(approvals.map((each) => each.approvalId));
    for (const id of shown.keys()) if (!open.has(id)) shown.delete(id);
    page.show("Approvals", heading("Approvals"), approvals.length > 0 ? approvals.map(card) : empty("Nobody waits for your word.", h("p", { class: "quiet" }, "Calls of tools that need it appear here while they wait, whoever started the run.")));
  }

  function card(approval) {
    if (!shown.has(approval.approvalId)) {
      const run = h("p", null, "in ", idLink("run", approval.runId), " ", when(approval.createdAt), approval.expiresAt && [" · expires ", when(approval.expiresAt)]);
      shown.set(approval.approvalId, h("article", { class: "card", key: approval.approvalId, own: true }, run, question(approval)));
    }
    return shown.get(approval.approvalId);
  }

  page.loads(load, ["approval", "run"]);
}
