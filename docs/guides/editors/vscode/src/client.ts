// A client of the daemon over agiwod's own protocol. Knows no editor, so that it can be run, and tried, anywhere.
// A worked example: docs/guides/editors.md tells how to use it. The full types are in protocol/schema.

import { ChildProcess, spawn } from "node:child_process";
import {
  createMessageConnection,
  MessageConnection,
  ResponseError,
  StreamMessageReader,
  StreamMessageWriter,
} from "vscode-jsonrpc/node";

/** One event of a run. Durable ones have `seq` (1, 2, 3 … without a hole), the others `after`, the seq that they follow. */
export interface RunEvent {
  runId: string;
  seq?: number;
  after?: number;
  at: string;
  type: string;
  itemId?: string;
  data: Record<string, unknown>;
}

/** A tool call that waits for somebody's word. */
export interface Approval {
  approvalId: string;
  runId: string;
  title: string;
  subject: { kind: string; name: string; arguments: Record<string, unknown> };
  options: { optionId: string; name: string; kind: string }[];
}

/** What is said to it: an option, or nothing, which leaves it open for others. */
export interface Reply {
  optionId?: string;
  reason?: string;
}

export interface Started {
  runId: string;
  sessionId: string;
}

export interface Wishes {
  /** The words of `agiwod stdio`. */
  command: string[];
  /** What others are shown. */
  name: string;
  /** Where the user works: in a trusted project its agents and skills count, too. */
  cwd?: string;
  /** Called for each tool call that waits; the signal says that somebody else has answered. */
  onApproval?: (approval: Approval, over: AbortSignal) => Promise<Reply>;
}

const TERMINAL = new Set(["run/completed", "run/failed", "run/cancelled"]);

/** A connection to the daemon, which `agiwod stdio` starts if none runs. Runs go on when it ends. */
export class Client {
  readonly #connection: MessageConnection;
  readonly #process: ChildProcess;
  readonly #hearers = new Map<string, (event: RunEvent) => void>();
  readonly #ended: Promise<never>;

  private constructor(wishes: Wishes) {
    const [program, ...words] = wishes.command;
    this.#process = spawn(program ?? "agiwod", words, { stdio: ["pipe", "pipe", "inherit"] });
    this.#connection = createMessageConnection(
      new StreamMessageReader(this.#process.stdout!),
      new StreamMessageWriter(this.#process.stdin!),
    );
    this.#ended = new Promise((_, reject) => {
      this.#process.on("error", reject);
      this.#connection.onClose(() => reject(new Error("the connection to the daemon has ended")));
    });
    this.#ended.catch(() => {}); // told to those who wait for something
    this.#connection.onNotification("run/event", (event: RunEvent) => this.#hearers.get(event.runId)?.(event));
    this.#connection.onRequest("approval/request", async (approval: Approval, token) => {
      const over = new AbortController();
      token.onCancellationRequested(() => over.abort());
      return (await wishes.onApproval?.(approval, over.signal)) ?? {};
    });
    this.#connection.listen();
  }

  /** Start `agiwod stdio`, and shake hands. */
  static async connect(wishes: Wishes): Promise<Client> {
    const client = new Client(wishes);
    await client.ask("initialize", {
      protocolVersion: 1,
      clientInfo: { name: wishes.name },
      capabilities: wishes.onApproval ? { approvals: {} } : {},
      ...(wishes.cwd ? { workspace: { cwd: wishes.cwd } } : {}),
    });
    await client.#connection.sendNotification("initialized", {});
    return client;
  }

  /** The answer to any request of the protocol. What the daemon refuses is thrown, with `data.kind`. */
  ask<R>(method: string, params: object): Promise<R> {
    return Promise.race([this.#connection.sendRequest<R>(method, params), this.#ended]);
  }

  /** Start a run, and give its events until it has ended. Leaving the loop leaves the run running. */
  async *run(agent: string, input: string, sessionId?: string): AsyncGenerator<RunEvent, void> {
    const started = await this.ask<Started>("run/start", { agent, input, sessionId });
    // Its events come behind the answer, each in a turn of its own: none can be there before this one hears.
    yield* this.#events(started.runId);
  }

  /** Follow a run that exists, from the event after `after` on. */
  async *attach(runId: string, after = 0): AsyncGenerator<RunEvent, void> {
    await this.ask("run/attach", { runId, after });
    yield* this.#events(runId);
  }

  /** Ask a run to end. */
  async cancel(runId: string, reason: string): Promise<void> {
    await this.ask("run/cancel", { runId, reason });
  }

  /** End the connection. */
  close(): void {
    this.#connection.end();
    this.#process.stdin?.end();
  }

  async *#events(runId: string): AsyncGenerator<RunEvent, void> {
    const waiting: RunEvent[] = [];
    let wake = () => {};
    this.#hearers.set(runId, (event) => {
      waiting.push(event);
      wake();
    });
    try {
      for (;;) {
        for (let event = waiting.shift(); event; event = waiting.shift()) {
          yield event;
          if (TERMINAL.has(event.type)) return;
        }
        await Promise.race([new Promise<void>((resolve) => (wake = resolve)), this.#ended]);
      }
    } finally {
      this.#hearers.delete(runId);
    }
  }
}

/** What an error of the daemon is about, as the protocol names it; undefined for any other error. */
export function kindOf(error: unknown): string | undefined {
  return error instanceof ResponseError ? (error.data as { kind?: string } | undefined)?.kind : undefined;
}
