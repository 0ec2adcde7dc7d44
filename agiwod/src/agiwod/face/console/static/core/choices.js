// Fields in which one of the things that there are is chosen. Asks for the lists, and changes nothing.

import { field } from "./parts.js";

// The agents, the one that is meant when none is named first.
export async function agentField(page, value) {
  const { agents, defaultAgent } = await page.call("agent/list", { limit: 500 });
  const known = agents.map((each) => [each.agentId, each.description ? `${each.agentId}: ${each.description.slice(0, 60)}` : each.agentId]);
  return field("agent", "Agent", { kind: known, value: value ?? defaultAgent ?? agents[0]?.agentId });
}

// A model by its name, with those that there are to choose from.
export async function modelField(page, value = "") {
  const { models } = await page.call("model/list", { limit: 200 });
  const known = [["", "the usual one"], ...models.map((each) => [each.name, each.available ? each.name : `${each.name} (${each.reason ?? "cannot be used"})`])];
  return field("model", "Model", { kind: known, value });
}
