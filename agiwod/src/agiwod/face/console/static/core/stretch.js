// The stretch of a run that is shown: its end while it goes on, or events in between. Of a run of any length it holds so
// much as a page can, and the rest is read when somebody wants it.

import { h, render } from "./dom.js";
import { count } from "./format.js";
import { button } from "./parts.js";
import { Transcript } from "./transcript.js";

const NEAR = 300; // events that are read at first, from the end
const PAGE = 200; // events that are read at once in between

export class Stretch {
  #earlier = h("p", { class: "more", own: true });
  #later = h("p", { class: "more", own: true });
  #stop = null; // while it goes on with the run
  #left = null; // until the daemon knows that it does not
  #head = 0;
  #isLeaping = false; // to the end, as soon as it is there

  // `run` as the daemon tells it; `options` are the transcript's.
  constructor(page, run, options) {
    Object.assign(this, { page, runId: run.runId, changed: options.changed });
    this.transcript = new Transcript({ ...options, changed: (events, isAtEnd) => this.#changed(events, isAtEnd) });
    this.element = h("div", { own: true }, this.#earlier, this.transcript.element, this.#later);
    this.#head = run.headSeq;
  }

  get isLive() {
    return this.#stop !== null;
  }

  // Show the end of the run, and go on with it.
  async end() {
    this.#leave();
    this.transcript.clear();
    await this.#follow(Math.max(0, this.#head - NEAR));
  }

  // Show what happened from that event on.
  async at(seq) {
    this.#leave();
    this.transcript.clear();
    await this.#readOn(Math.min(seq, this.#head) - 1);
    window.scrollTo(0, 0);
  }

  // The events that are shown.
  async events() {
    const { first, last } = this.transcript;
    const said = [];
    for (let after = first - 1; after < last; after = said.at(-1).seq) {
      const { events } = await this.#read(after, Math.min(1000, last - after));
      if (events.length === 0) break;
      said.push(...events);
    }
    return said;
  }

  async #toEnd() {
    this.#head = (await this.page.call("run/get", { runId: this.runId })).headSeq;
    await this.end();
    this.#isLeaping = true;
  }

  async #follow(after) {
    await this.#left;
    this.#stop = this.page.follow(this.runId, after, (event, error) => (error ? this.page.fail(error) : this.transcript.take(event)));
    this.#draw();
  }

  // Go on with the run no more: what is under way is told anew when it is followed again.
  #leave() {
    if (!this.#stop) return;
    this.#left = this.#stop();
    this.#stop = null;
    this.transcript.settle();
  }

  async #readEarlier() {
    const before = this.transcript.first - 1;
    const after = Math.max(0, before - PAGE);
    const { events } = await this.#read(after, before - after);
    const height = document.documentElement.scrollHeight;
    this.transcript.prepend(events);
    window.scrollBy(0, document.documentElement.scrollHeight - height);
    if (this.transcript.isTooLong) this.#leave();
    this.transcript.trimEnd();
    this.#draw();
  }

  async #readOn(after) {
    const { events, headSeq } = await this.#read(after, PAGE);
    this.transcript.append(events);
    this.transcript.trimStart();
    if (this.transcript.last >= headSeq) await this.#follow(this.transcript.last);
    this.#draw();
  }

  async #read(after, limit) {
    const read = await this.page.call("run/events", { runId: this.runId, after, limit });
    this.#head = read.headSeq;
    return read;
  }

  // Who reads further up keeps what is there, until it is too much to go on.
  #changed(events, isAtEnd) {
    this.#head = Math.max(this.#head, this.transcript.last);
    if (isAtEnd) this.transcript.trimStart();
    else if (this.transcript.isMuchTooLong) this.#leave();
    this.#draw();
    if (this.#isLeaping) window.scrollTo(0, document.documentElement.scrollHeight);
    this.#isLeaping = false;
    this.changed(events, isAtEnd);
  }

  #draw() {
    const { first, last } = this.transcript;
    const before = Number.isFinite(first) ? first - 1 : 0;
    const behind = this.isLive ? 0 : this.#head - last;
    render(this.#earlier,
      before > PAGE && button("From the beginning", () => this.at(1)), " ",
      before > 0 && button(`Show earlier: ${count(before, "events")} before these`, () => this.#readEarlier()));
    render(this.#later,
      !this.isLive && last > 0 && [behind > 0 && button(`Show later: ${count(behind, "events")} behind these`, () => this.#readOn(last)), " ",
        button("To the end", () => this.#toEnd())]);
  }
}
