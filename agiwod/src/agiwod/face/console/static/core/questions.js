// A call that waits for somebody's word, and the buttons that give it: the same in a run and in the inbox.

import { h } from "./dom.js";
import { shown } from "./format.js";
import { link } from "./link.js";
import { busy, code, tell } from "./parts.js";
import { trouble } from "./trouble.js";

const KINDS = { allow_once: "main", allow_session: "", deny: "danger" };

// What was asked, with a button for each answer. Whoever comes second is told who was first.
export function question(approval) {
  const reason = h("input", { type: "text", "aria-label": "Reason, told to the model when you deny", placeholder: "reason for a denial (optional)" });
  const answer = (option) => busy(async () => {
    const params = { approvalId: approval.approvalId, optionId: option.optionId };
    const said = await link.call("approval/respond", reason.value && option.kind === "deny" ? { ...params, reason: reason.value } : params);
    if (said.status === "already_resolved") tell(`${said.by ?? "Somebody else"} had answered before: ${said.outcome.replace("_", " ")}.`);
  });
  const buttons = approval.options.map((option) => h("button", { type: "button", class: KINDS[option.kind] ?? "", onclick: answer(option) }, option.name));
  return h("div", { class: "asked" },
    h("p", null, h("b", null, approval.title), approval.reason && h("span", { class: "quiet" }, ` ${approval.reason}`)),
    h("p", { class: "quiet" }, "calls ", h("code", null, approval.subject.name)),
    code(shown(approval.subject.arguments), `Arguments of ${approval.subject.name}`),
    h("div", { class: "actions" }, buttons, reason), trouble());
}
