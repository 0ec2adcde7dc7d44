// What went wrong, in plain words beside what was tried, and what can be done next. Tries nothing itself.

import { h, render } from "./dom.js";

const NEXT = {
  gone: "Try again once the daemon is back: what you typed is still here.",
  draining: "The daemon is about to end. Try again when it is back.",
  overloaded: "Try again in a moment.",
  deadline_exceeded: "It may still be at work. Look again in a moment.",
  storage: "Look at the disk of the daemon's data directory, then try again; `agiwod doctor` tells what is wrong with it.",
  not_found: "It may be gone by now: look at its list, and choose another one.",
  conflict: "Look how it stands now, then try again.",
  invalid_params: "Correct what is named here, then try again.",
  message_too_large: "Try again with less at once.",
  agent_failed: "Look at the model's settings, or choose another model.",
};

// The words for an error: what it is, which parts of what was filled in do not fit, and what to do.
export function failure(error) {
  const { errors = [], errorId } = error.data ?? {};
  const next = errorId ? `In the daemon's log it is ${errorId}: \`agiwod logs\`.` : NEXT[error.kind];
  return h("div", { class: "failure", role: "alert" }, h("p", null, error.message),
    errors.length > 0 && h("ul", null, errors.map((each) => h("li", null, each.path && h("b", null, `${each.path}: `), each.message))),
    next && h("p", { class: "quiet" }, next));
}

// Where an error is told that is met by what is beside it. What is told there stays while all around is drawn anew.
export function trouble() {
  return h("div", { class: "trouble", kept: true });
}

// Tell an error in the place that is nearest to an element, or take back the one that is told there.
export function tellTrouble(element, error) {
  let place = null;
  for (let near = element; near && !place; near = near.parentElement) place = near.querySelector(":scope > .trouble");
  place ??= document.querySelector("main .trouble");
  if (place) render(place, error && failure(error));
}
