// One view while it is shown: what it asks, what it hears, what is copied of it. All of that ends when it is left.

import { doubt } from "./banner.js";
import { h, render } from "./dom.js";
import { link } from "./link.js";
import { skeleton } from "./parts.js";
import { failure } from "./trouble.js";

const CALM = 250; // milliseconds between two looks at what is new: many events make one look

export class Page {
  #ending = new AbortController();
  #json = () => null;

  // `path` are the parts of the address, `query` what it asks for; `root` is where it is shown.
  constructor(root, path, query) {
    Object.assign(this, { root, path, query, address: location.hash });
    this.signal = this.#ending.signal;
    render(root, skeleton());
  }

  // The result of a request of the protocol.
  call(method, params = {}) {
    return link.call(method, params, { signal: this.signal });
  }

  // The path of the project that this view is of, if its address names one.
  get project() {
    return this.query.get("project") ?? "";
  }

  // The address of this view with other things asked for; what is empty is not.
  with(changes) {
    const asked = new URLSearchParams(this.query);
    for (const [name, value] of Object.entries(changes)) value ? asked.set(name, value) : asked.delete(name);
    return this.address.split("?")[0] + (asked.size > 0 ? `?${asked}` : "");
  }

  // Show this, under a title: in the heading of the window, too.
  show(title, ...children) {
    if (this.signal.aborted) return;
    this.hasFailed = false;
    document.title = `${title} · agiwod`;
    this.root.dataset.view = this.address;
    render(this.root, ...children);
  }

  // What "Copy as JSON" gives: what `give` gives then.
  copies(give) {
    this.#json = give;
  }

  json() {
    return this.#json();
  }

  // Have `load` called now, whenever the daemon tells of one of these topics, and when events may be missing.
  // What it throws is shown. `every`: also after so many milliseconds. Returns what has it called soon.
  loads(load, topics = [], { every, wants = () => true } = {}) {
    let isDue = false;
    let isBusy = false;
    const look = async () => {
      if (isBusy || this.signal.aborted) return void (isDue = true);
      isBusy = true;
      isDue = false;
      try {
        await load();
        this.hasShown = true;
      } catch (error) {
        if (error.kind === "gone") isDue = true; // what it asks then waits until the daemon is back
        else if (!this.signal.aborted) this.fail(error);
      }
      setTimeout(() => {
        isBusy = false;
        if (isDue) look();
      }, CALM);
    };
    this.ends(link.listen((event) => {
      if (event === null || (topics.includes(event.topic) && wants(event))) look();
    }));
    if (every) {
      const timer = setInterval(() => document.hidden || look(), every);
      this.ends(() => clearInterval(timer));
    }
    look();
    return look;
  }

  // Hear of each event of these topics; of null when some may be missing.
  hears(topics, hear) {
    this.ends(link.listen((event) => (event === null || topics.includes(event.topic)) && hear(event)));
  }

  // Hear of a run behind that seq until the view is left, or until the result is called.
  follow(run, after, hear) {
    const stop = link.follow(run, after, hear);
    this.ends(stop);
    return stop;
  }

  // Have this done when the view is left.
  ends(end) {
    this.signal.addEventListener("abort", end, { once: true });
  }

  // Show that it cannot be shown.
  fail(error) {
    this.show("Not shown", h("h1", null, "This cannot be shown"), failure(error));
    this.hasFailed = true;
    if (error.kind === "storage") doubt();
  }

  leave() {
    this.#ending.abort();
  }
}
