// What a sleeping agent waits for, and until when. Draws no list.

import { plural, when } from "./format.js";

export function waits(wake) {
  if (!wake) return "";
  if (wake.type === "task") return "its next task";
  if (wake.type === "timer") return "a time";
  if (wake.type === "periodic") return "its period";
  const open = wake.states.length - wake.ended.length;
  return `${wake.mode === "any" ? "any of" : "all of"} ${plural(wake.states.length, "agent")}, ${open} still at work`;
}

export function until(wake) {
  if (wake?.wakeAt) return when(wake.wakeAt);
  return wake?.timeoutAt ? when(wake.timeoutAt, "at the latest ") : "";
}
