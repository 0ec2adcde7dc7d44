// Text that grows at its end, in pieces, so that only the last of them is laid out anew. Nothing is lost between them.

import { h } from "./dom.js";

const PIECE = 4000; // characters that are laid out at once

export class GrowingText {
  #last = null;

  // `element` has what was said so far as its text.
  constructor(element) {
    this.element = element;
  }

  append(text) {
    if (!this.#last) this.#begin("");
    this.#last.appendData(text);
    while (this.#last.length > PIECE) this.#cut();
  }

  clear() {
    this.element.replaceChildren();
    this.#last = null;
  }

  // Have the last piece end with a line, else with a word, and what follows it begin another one.
  #cut() {
    const { data } = this.#last;
    const end = data.lastIndexOf("\n", PIECE) + 1 || data.lastIndexOf(" ", PIECE) + 1 || data.length;
    this.#last.data = data.slice(0, end);
    this.#begin(data.slice(end));
  }

  #begin(text) {
    this.#last = document.createTextNode(text);
    this.element.append(h("span", { class: "piece" }, this.#last));
  }
}

// The element, with this text; a long one is in pieces, so that who scrolls through it waits for none of it.
export function filled(element, text) {
  if (text.length > PIECE) new GrowingText(element).append(text);
  else element.textContent = text;
  return element;
}
