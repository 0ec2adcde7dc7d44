// A line to say something in: Enter sends it, Shift-Enter begins a new line. What is refused stays there, with why.

import { h } from "./dom.js";
import { busy } from "./parts.js";
import { trouble } from "./trouble.js";

// `send(text)` does it; the line is empty once it has.
export function composer(label, { placeholder = label, words = "Send", send }) {
  const submit = async (form) => {
    const { input } = form.elements;
    if (!input.value.trim()) return input.focus();
    const said = input.value;
    await send(said);
    if (input.value === said) input.value = ""; // unless somebody has gone on meanwhile
  };
  return h("form", { class: "composer", onsubmit: busy(submit) },
    h("textarea", { name: "input", rows: 2, "aria-label": label, placeholder, onkeydown: sendOnEnter }), h("button", { class: "main" }, words), trouble());
}

function sendOnEnter(event) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  event.target.form.requestSubmit();
}
