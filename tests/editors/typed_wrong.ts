// What the published types do not let through. Each of these comments is an error by itself when nothing is wrong below it.
import type { ClientMethods, Events, Methods, RunEvents } from "./agiwod";

declare function ask<M extends keyof Methods>(method: M, params: Methods[M]["params"]): Methods[M]["result"];

// @ts-expect-error there is no such method
ask("run/begin", {});
// @ts-expect-error the agent is missing
ask("run/start", { input: "hi" });
// @ts-expect-error the limit is a number
ask("run/list", { limit: "10" });
// @ts-expect-error there is no such scope
ask("run/cancel", { runId: "r", scope: "all" });
// @ts-expect-error a part has a type
ask("run/start", { agent: "a", input: [{ text: "hi" }] });
// @ts-expect-error the answer has no such member
ask("run/start", { agent: "a", input: "hi" }).runID;
// @ts-expect-error the run may have no response
const response: string = ask("run/get", { runId: "r" }).response;
// @ts-expect-error a seq is a number
const event: Events["run/event"] = { runId: "r", seq: "1", at: "now", type: "log", data: {} };
// @ts-expect-error there is no such answer
const reply: ClientMethods["approval/request"]["result"] = { optionId: "perhaps" };
// @ts-expect-error deltas have an offset
const delta: RunEvents["item/delta"] = { kind: "text", attempt: 1, text: "x" };

export { delta, event, reply, response };
