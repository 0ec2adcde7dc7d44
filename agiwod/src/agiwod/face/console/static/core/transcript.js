// A run as it is told: each event of it takes its place in one element. Keeps what can be seen, and asks for nothing.

import { h, render } from "./dom.js";
import { cost, duration, modelName, plural, shorten, shown, tokens, when } from "./format.js";
import { GrowingText, filled } from "./growing.js";
import { badge, folded, idLink } from "./parts.js";

const MOST = 800; // blocks that are kept: what is above them is read again when somebody wants it

const NAMES = { userMessage: "user", agentMessage: "agent", reasoning: "reasoning", toolCall: "tool", childRun: "child run", plan: "plan", compaction: "summary" };

export class Transcript {
  element = h("div", { class: "transcript", own: true });
  first = Infinity; // the seqs of the first and the last event that are shown
  last = 0;
  #open = new Map(); // items that are not completed, by id
  #blocks = new Map(); // blocks of items, by id
  #waiting = [];
  #isDrawing = false;

  // `acts(seq, kind)` gives the buttons of a step; `asks(approval)` what answers a question; `changed` is called once
  // events have been drawn.
  constructor({ acts = () => null, asks = () => null, changed = () => null } = {}) {
    Object.assign(this, { acts, asks, changed });
  }

  take(event) {
    this.#waiting.push(event);
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    const draw = () => this.#draw();
    if (document.hidden) setTimeout(draw, 100);
    else requestAnimationFrame(draw);
  }

  // Events from behind all others.
  append(events) {
    for (const event of events) this.#place(event);
  }

  // Events from before all others.
  prepend(events) {
    const made = new Transcript({ acts: this.acts, asks: this.asks });
    for (const event of events) made.#place(event);
    this.element.prepend(...made.element.childNodes);
    for (const [id, block] of made.#blocks) if (!this.#blocks.has(id)) this.#blocks.set(id, block);
    this.first = Math.min(this.first, made.first);
    this.last = Math.max(this.last, made.last);
  }

  get isTooLong() {
    return this.element.childElementCount > MOST;
  }

  get isMuchTooLong() {
    return this.element.childElementCount > 2 * MOST;
  }

  // Keep so many blocks as a page can hold, and of more the last ones.
  trimStart() {
    if (!this.isTooLong) return;
    while (this.isTooLong) this.#drop(this.element.firstElementChild);
    this.first = Number(seen(this.element.children)?.dataset.seq ?? this.first);
  }

  // As above, the first ones.
  trimEnd() {
    if (!this.isTooLong) return;
    while (this.isTooLong) this.#drop(this.element.lastElementChild);
    this.last = Number(seen([...this.element.children].reverse())?.dataset.seq ?? this.last);
  }

  // Let go of what is not over.
  settle() {
    this.#waiting = [];
    for (const { block } of this.#open.values()) this.#drop(block);
  }

  clear() {
    this.settle();
    this.element.replaceChildren();
    this.#blocks.clear();
    this.first = Infinity;
    this.last = 0;
  }

  #drop(block) {
    if (block.item) {
      this.#blocks.delete(block.item);
      this.#open.delete(block.item);
    }
    block.remove();
  }

  #draw() {
    this.#isDrawing = false;
    const isAtEnd = window.innerHeight + window.scrollY > document.documentElement.scrollHeight - 120;
    const events = this.#waiting;
    this.#waiting = [];
    for (const event of joined(events)) this.#place(event);
    this.changed(events, isAtEnd);
  }

  #place(event) {
    if (event.seq !== undefined) {
      this.first = Math.min(this.first, event.seq);
      this.last = Math.max(this.last, event.seq);
    }
    const { type, data, itemId } = event;
    if (type === "item/started") this.#start(event);
    else if (type === "item/delta") this.#grow(itemId, data);
    else if (type === "item/completed") this.#complete(event);
    else if (type === "approval/requested") this.#question(event);
    else if (type === "approval/resolved") this.#answer(event);
    else if (type === "run/retrying") this.#retry(event);
    else {
      const line = LINES[type]?.(data);
      if (line) this.element.append(this.#note(event, line));
    }
  }

  #note(event, line) {
    return h("p", { class: `note ${event.type.replace("/", "-")}`, "data-seq": event.seq }, line, " ", when(event.at));
  }

  #start({ itemId, data, at }) {
    const known = this.#open.get(itemId);
    if (known) return; // told once more to a tab that came back: its text begins anew with the first piece
    const isCall = data.kind === "toolCall";
    const text = new GrowingText(isCall ? h("pre", { class: "said args" }) : h("div", { class: "said" }));
    const output = new GrowingText(h("pre", { class: "said output" }));
    const isThought = data.kind === "reasoning";
    const body = isCall ? [text.element, output.element] : text.element;
    const block = this.#block(itemId, data.kind, data.name ?? "", at,
      isThought ? folded("thinking…", body, { open: true }) : body);
    block.classList.add("open");
    this.#open.set(itemId, { block, text, output, length: 0, attempt: 0 });
    if (!block.isConnected || block.parentNode !== this.element) this.element.append(block);
  }

  #grow(id, { kind, attempt, offset, text }) {
    const item = this.#open.get(id);
    if (!item || attempt < item.attempt) return;
    if (attempt > item.attempt || offset === 0) {
      Object.assign(item, { attempt, length: 0 });
      item.text.clear();
      item.output.clear();
    }
    const into = kind === "toolOutput" ? item.output : item.text;
    const missing = offset - item.length;
    const isNew = missing === 0 ? text : [...text].slice(Math.max(0, item.length - offset)).join("");
    if (missing > 0 || !isNew) return;
    into.append(isNew);
    item.length += points(isNew);
  }

  #complete(event) {
    const { itemId, data, at, seq } = event;
    const streamed = this.#open.get(itemId)?.text.element;
    this.#open.delete(itemId);
    const isThere = data.kind === "agentMessage" && data.text && streamed?.textContent === data.text; // long ones are slow to draw
    const body = isThere ? streamed : BODIES[data.kind]?.(data) ?? h("pre", { class: "code" }, shown(data));
    const block = this.#block(itemId, data.kind, data.name ?? "", at, body);
    block.classList.remove("open");
    block.classList.toggle("wrong", data.output?.isError === true);
    const side = [data.durationMs !== undefined && duration(data.durationMs), data.usage?.outputTokens > 0 && `${tokens(data.usage.outputTokens)} tokens`, data.usage?.costUsd > 0 && cost(data.usage.costUsd, data.usage.costBasis)];
    render(block.side, side.filter(Boolean).join(" · "));
    render(block.acts, this.acts(seq, data.kind, event));
    block.dataset.seq = seq;
    if (block.parentNode !== this.element) this.element.append(block);
  }

  // The block of an item: the one that is there, or a new one.
  #block(id, kind, name, at, body) {
    let block = id && this.#blocks.get(id);
    if (!block) {
      block = h("article", { class: `item ${kind}` });
      block.side = h("span", { class: "side" });
      block.body = h("div", { class: "body" });
      block.questions = h("div", { class: "questions" });
      block.acts = h("span");
      block.append(h("header", null, h("b", null, NAMES[kind] ?? kind), name && h("code", null, name), when(at), block.acts, block.side), block.body, block.questions);
      block.item = id;
      if (id) this.#blocks.set(id, block);
    }
    if (block.body.firstChild !== body) block.body.replaceChildren(...[body].flat());
    return block;
  }

  #question(event) {
    const { itemId, data } = event;
    const block = this.#blocks.get(itemId) ?? this.#asked(event);
    if (block.querySelector(`[data-approval="${CSS.escape(data.approvalId)}"]`)) return; // told a second time
    const question = h("div", { class: "question", "data-approval": data.approvalId });
    question.append(this.asks({ ...data, runId: event.runId }) ?? "");
    block.questions.append(question);
    if (block.parentNode !== this.element) this.element.append(block);
  }

  // The block of a call that is asked about before it is made.
  #asked({ itemId, data, at }) {
    return this.#block(itemId, "toolCall", data.subject.name, at, args(data.subject.arguments));
  }

  #answer(event) {
    const { data } = event;
    const question = this.element.querySelector(`[data-approval="${CSS.escape(data.approvalId)}"]`);
    const words = h("p", { class: "answer", tabindex: "-1" }, badge(OUTCOMES[data.outcome] ?? data.outcome), data.by && ` by ${data.by}`, data.reason && `: ${data.reason}`);
    if (question) {
      const isHeld = question.contains(document.activeElement);
      question.replaceChildren(words);
      if (isHeld) words.focus({ preventScroll: true }); // who has pressed a button goes on from here
    } else this.element.append(this.#note(event, [`${data.name}: ${OUTCOMES[data.outcome] ?? data.outcome}`]));
  }

  #retry(event) {
    for (const [id, item] of this.#open) {
      item.block.remove();
      this.#open.delete(id);
      this.#blocks.delete(id);
    }
    this.element.append(this.#note(event, `The model is asked once more in ${duration(event.data.delay * 1000)}: ${event.data.reason}`));
  }
}

// The first of these blocks that is of an event.
function seen(blocks) {
  for (const block of blocks) if (block.dataset.seq) return block;
  return undefined;
}

const OUTCOMES = { allow_once: "allowed", allow_session: "allowed for the session", deny: "denied", cancelled: "withdrawn", expired: "not answered in time" };

const BODIES = {
  userMessage: ({ content }) => content.map((part) => filled(h("div", { class: "said" }), part.text ?? `[${part.type} ${part.mimeType ?? ""} ${part.url ?? ""}]`)),
  agentMessage: ({ text }) => text ? filled(h("div", { class: "said" }), text) : h("div", { class: "said" }, h("i", { class: "quiet" }, "no words")),
  reasoning: ({ text }) => folded(shorten(text, 90) || "thoughts", filled(h("div", { class: "said" }), text)),
  toolCall: (data) => [args(data.arguments), result(data.output)],
  childRun: (data) => h("p", null, idLink("run", data.runId), " of ", idLink("agent", data.agentId, data.agentId), " ", badge(data.status), data.response && h("span", { class: "said" }, ` ${shorten(data.response, 300)}`)),
  plan: ({ steps }) => h("ol", { class: "plan" }, steps.map((step) => h("li", null, badge(step.status), ` ${step.text}`))),
  compaction: ({ text, replaced }) => folded(`stands for ${plural(replaced, "older message")}`, h("div", { class: "said" }, text)),
};

function args(value) {
  const text = shown(value);
  if (!text || text === "{}") return h("p", { class: "quiet" }, "no arguments");
  return text.length < 120 ? h("pre", { class: "said args" }, shorten(JSON.stringify(value), 200)) : folded(`arguments: ${shorten(JSON.stringify(value), 80)}`, h("pre", { class: "said args" }, text));
}

function result(output) {
  const text = shown(output.contentForUser ?? output.content ?? output.value);
  const body = filled(h("pre", { class: `said output ${output.isError ? "wrong" : ""}` }), text || "nothing");
  return text.length > 600 || text.split("\n").length > 12 ? folded(`result: ${shorten(text, 90)}`, body) : body;
}

const LINES = {
  "run/queued": () => "queued",
  "run/started": (data) => `begun with ${modelName(data.model)}`,
  "run/resumed": () => "gone on with after a restart of the daemon",
  "run/sleeping": () => "asleep",
  "run/woken": () => "woken",
  "child/spawned": (data) => ["began ", idLink("run", data.runId), " of ", data.agentId],
  "child/finished": (data) => [idLink("run", data.runId), " of ", data.agentId, " ended ", badge(data.status)],
  "output/rejected": (data) => `The answer does not fit: ${data.message}`,
  log: (data) => `${data.level}: ${data.message}`,
  "run/completed": (data) => [badge("completed"), ` after ${duration(data.durationMs)}`, ` · ${tokens(data.usage.inputTokens + data.usage.outputTokens)} tokens`],
  "run/failed": (data) => [badge("failed"), ` ${data.error.message}`],
  "run/cancelled": (data) => [badge("cancelled"), ` ${data.reason}`],
};

// The events, with pieces of one item that follow each other as one: drawing costs by the block, not by the piece.
function* joined(events) {
  let last = null;
  for (const event of events) {
    const { data } = event;
    const goesOn = last && event.type === "item/delta" && event.itemId === last.itemId && data.kind === last.data.kind && data.attempt === last.data.attempt && data.offset === last.end;
    if (goesOn) {
      last.pieces.push(data.text);
      last.end += points(data.text);
      continue;
    }
    if (last) yield whole(last);
    last = event.type === "item/delta" ? { ...event, pieces: [data.text], end: data.offset + points(data.text) } : null;
    if (!last) yield event;
  }
  if (last) yield whole(last);
}

function whole({ pieces, end, ...event }) {
  return pieces.length === 1 ? event : { ...event, data: { ...event.data, text: pieces.join("") } };
}

// Characters as the protocol counts them: code points.
function points(text) {
  return /[\uD800-\uDBFF]/.test(text) ? [...text].length : text.length;
}

