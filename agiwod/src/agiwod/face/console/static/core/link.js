// The one link of a tab to the daemon: calls, and one stream of all that happens. Knows no screen and shows nothing.

const PATIENCE = 30_000; // three beats of the daemon: who is silent for longer is gone
const MISSING = ["event/lost", "daemon/recovered"]; // behind these everything is looked at again
const LONGEST = 4096; // characters of a path
const PAUSES = [200, 500, 1000, 2000, 3000];

export class CallFailed extends Error {
  constructor(error) {
    super(error.message);
    this.code = error.code;
    this.kind = error.data?.kind ?? error.kind ?? "unknown";
    this.data = error.data ?? {};
  }
}

class Link {
  state = "connecting"; // connecting, live, gone, stranger, full
  server = null;
  #tab = null;
  #place = ""; // the id of the last event: where this tab is in everything that it reads
  #nextId = 1;
  #runs = new Map(); // by id: the last seq, and who hears of it
  #listeners = new Set();
  #watchers = new Set();
  #whenLive = withResolvers();
  #ending = new AbortController();
  #project = "";
  #isMoving = false; // the stream ends because it is to come anew from somewhere else

  // Be connected from now on; a tab that nobody looks at lets its stream go, since a browser has only six for us.
  async start() {
    document.addEventListener("visibilitychange", () => document.hidden ? this.#rest() : this.#wake());
    for (let failures = 0; ; failures += 1) {
      if (document.hidden) await this.#shown();
      const began = Date.now();
      const refusal = await this.#read().catch(() => null);
      this.#tab = null;
      if (this.#whenLive.isSettled) this.#whenLive = withResolvers();
      if (Date.now() - began > 5000) failures = 0;
      if (document.hidden) continue;
      if (this.#isMoving) {
        failures = -1;
        continue;
      }
      if (refusal) this.#say(refusal);
      else if (this.state === "live") this.#say("connecting");
      else if (failures > 0) this.#say("gone");
      await new Promise((done) => setTimeout(done, PAUSES[Math.min(failures, PAUSES.length - 1)]));
    }
  }

  // Work in the project of that path from now on, with its agents and skills beside everybody's; or in none.
  workIn(project) {
    if (project === this.#project) return;
    this.#project = project;
    this.#isMoving = true;
    this.#tab = null;
    if (this.#whenLive.isSettled) this.#whenLive = withResolvers();
    this.#ending.abort();
  }

  // The result of a request, once there is a link to send it over.
  async call(method, params = {}, { signal } = {}) {
    for (;;) {
      await this.#whenLive.promise;
      signal?.throwIfAborted();
      const id = this.#nextId++;
      const answer = await fetch("/console/call", {
        method: "POST",
        headers: { "Content-Type": "application/json", "Console-Tab": this.#tab ?? "" },
        body: JSON.stringify({ jsonrpc: "2.0", id, method, params }),
        signal,
      }).catch((error) => {
        if (signal?.aborted) throw error;
        throw new CallFailed({ kind: "gone", message: "The daemon went away before it answered." });
      });
      const said = await answer.json().catch(() => ({ error: { message: `The daemon answered with ${answer.status}.` } }));
      if (said.error?.kind === "no_tab") {
        await new Promise((done) => setTimeout(done, 50)); // it was not heard: the stream comes anew
        continue;
      }
      if (said.error) throw new CallFailed(said.error);
      return said.result;
    }
  }

  // Hear of each event of a run behind `after`, and of those that are missed meanwhile. Returns what ends it, and gives
  // when it is known to the daemon.
  follow(run, after, hear) {
    const following = { after, hear };
    this.#runs.set(run, following);
    this.#attach(run, following);
    return () => {
      if (this.#runs.get(run) !== following) return undefined;
      this.#runs.delete(run);
      return following.isOver ? undefined : this.call("run/detach", { runId: run }).catch(() => null);
    };
  }

  // Hear of the events of the daemon itself, and of the moments in which some may be missing (then with null).
  listen(hear) {
    this.#listeners.add(hear);
    return () => this.#listeners.delete(hear);
  }

  // Hear of each change of `state`.
  watch(hear) {
    this.#watchers.add(hear);
    return () => this.#watchers.delete(hear);
  }

  async #attach(run, following) {
    try {
      await this.call("run/attach", { runId: run, after: following.after });
    } catch (error) {
      if (error.kind === "conflict" || error.kind === "gone") return; // followed already, or asked again when it is back
      if (this.#runs.get(run) === following) this.#runs.delete(run);
      following.hear(null, error);
    }
  }

  // Hear all that comes until it ends; the state that a refusal is.
  async #read() {
    this.#ending = new AbortController();
    this.#isMoving = false;
    const { signal } = this.#ending;
    const headers = this.#place ? { "Last-Event-ID": this.#place } : {};
    if (this.#project) headers["Console-Project"] = encodeURIComponent(this.#project.slice(0, LONGEST));
    const answer = await this.#unlessSilent(fetch("/console/events", { headers, signal }));
    if (answer.status === 401 || answer.status === 404) return "stranger";
    if (answer.status === 503) return "full";
    if (answer.headers.get("content-type") !== "text/event-stream") return null; // by now somebody else is there
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let held = "";
    let event = { type: "", data: "" };
    for (;;) {
      const { value, done } = await this.#unlessSilent(reader.read());
      if (done) return null;
      const lines = (held + value).split("\n");
      held = lines.pop();
      for (const line of lines) event = this.#take(line, event);
    }
  }

  // What the daemon answers; who is silent is there no more.
  async #unlessSilent(answer) {
    const silence = setTimeout(() => {
      this.#say("gone");
      this.#ending.abort();
    }, PATIENCE);
    return answer.finally(() => clearTimeout(silence));
  }

  // One line of the stream; an empty one ends an event.
  #take(line, event) {
    if (line === "") {
      if (event.data) this.#hear(event);
      return { type: "", data: "" };
    }
    if (line.startsWith("data: ")) event.data = line.slice(6);
    else if (line.startsWith("event: ")) event.type = line.slice(7);
    else if (line.startsWith("id: ")) event.place = line.slice(4);
    return event;
  }

  #hear(event) {
    const message = JSON.parse(event.data);
    if (event.type === "hello") this.#greet(message);
    else if (message.method === "run/event") this.#hearRun(message.params);
    else if (message.method === "daemon/event") this.#tell(message.params);
    if (event.place) this.#place = event.place;
  }

  #greet(hello) {
    this.#tab = hello.tab;
    this.server = hello.server;
    this.#whenLive.resolve();
    this.#say("live");
    const attached = new Set(hello.server.attached.filter((each) => !each.error).map((each) => each.runId));
    for (const [run, following] of this.#runs) {
      if (!attached.has(run) && !following.isOver) this.#attach(run, following);
    }
    if (!hello.isResumed) this.#tell(null);
  }

  #hearRun(event) {
    const following = this.#runs.get(event.runId);
    if (!following) return;
    // What broke off within a piece of the stream comes twice; what is further ahead is of an earlier following.
    if (event.seq === undefined ? event.after > following.after : event.seq !== following.after + 1) return;
    following.after = event.seq ?? following.after;
    following.isOver = ["run/completed", "run/failed", "run/cancelled"].includes(event.type);
    following.hear(event);
  }

  #tell(event) {
    if (MISSING.includes(event?.type)) event = null;
    for (const hear of [...this.#listeners]) hear(event);
  }

  #say(state) {
    if (this.state === state) return;
    this.state = state;
    for (const hear of [...this.#watchers]) hear(state);
  }

  #rest() {
    this.#resting = setTimeout(() => this.#ending.abort(), 20_000);
  }
  #resting = 0;

  #wake() {
    clearTimeout(this.#resting);
  }

  #shown() {
    return new Promise((done) => {
      const look = () => {
        if (document.hidden) return;
        document.removeEventListener("visibilitychange", look);
        done();
      };
      document.addEventListener("visibilitychange", look);
      look();
    });
  }
}

function withResolvers() {
  const made = { isSettled: false };
  made.promise = new Promise((resolve) => {
    made.resolve = () => {
      made.isSettled = true;
      resolve();
    };
  });
  return made;
}

export const link = new Link();
