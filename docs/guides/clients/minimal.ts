// A client of agiwod in one file, with the published types beside it (`agiwod schema --format typescript > agiwod.ts`).
//
//     tsc --strict --module nodenext --target es2022 --types node minimal.ts
//     node minimal.js SOCKET AGENT "What is the capital of France?"

import { createConnection, type Socket } from "node:net";
import { createInterface } from "node:readline";
import type { ErrorObject, Events, Methods, RunCompleted, RunEvent, RunEvents } from "./agiwod";

type Answer<M extends keyof Methods> = Promise<Methods[M]["result"]>;
type Message = { id?: number | string; method?: string; params?: unknown; result?: unknown; error?: ErrorObject };
type Waiting = { resolve: (result: unknown) => void; reject: (error: Error) => void };

/** One connection. What is told comes to `hear`; what is asked of this client is declined. */
class Client {
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;

  constructor(
    private readonly socket: Socket,
    private readonly hear: <E extends keyof Events>(name: E, params: Events[E]) => void,
  ) {
    createInterface({ input: socket }).on("line", (line) => this.take(JSON.parse(line) as Message));
    socket.on("error", (error) => this.fail(error));
    socket.on("close", () => this.fail(new Error("the daemon has gone")));
  }

  /** The answer of a request; the types of both follow from the method's name. */
  ask<M extends keyof Methods>(method: M, params: Methods[M]["params"]): Answer<M> {
    const id = ++this.lastId;
    this.send({ id, method, params });
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
    });
  }

  /** Say something that is not answered. */
  tell<E extends keyof Events>(method: E, params: Events[E]): void {
    this.send({ method, params });
  }

  close(): void {
    this.socket.end();
  }

  private send(message: object): void {
    this.socket.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\n");
  }

  private fail(error: Error): void {
    this.waiting.forEach((each) => each.reject(error));
    this.waiting.clear();
  }

  private take(message: Message): void {
    if (message.method !== undefined && message.id === undefined) {
      this.hear(message.method as keyof Events, message.params as Events[keyof Events]);
    } else if (message.method !== undefined) {
      this.send({ id: message.id, error: { code: -32601, message: "this client is not asked anything" } });
    } else {
      const asked = this.waiting.get(message.id as number);
      this.waiting.delete(message.id as number);
      if (message.error) asked?.reject(new Error(`${message.error.code}: ${message.error.message}`));
      else asked?.resolve(message.result);
    }
  }
}

/** The data of an event, if it is of that type. */
function dataOf<T extends keyof RunEvents>(event: RunEvent, type: T): RunEvents[T] | undefined {
  return event.type === type ? (event.data as unknown as RunEvents[T]) : undefined;
}

async function main(socket: string, agent: string, question: string): Promise<void> {
  let finish: (ended: RunCompleted | undefined) => void = () => undefined;
  const ended = new Promise<RunCompleted | undefined>((resolve) => (finish = resolve));
  const client = new Client(createConnection(socket), (name, params) => {
    if (name !== "run/event") return;
    const event = params as RunEvent;
    const delta = dataOf(event, "item/delta");
    if (delta?.kind === "text") process.stdout.write(delta.text);
    if (event.type === "run/failed" || event.type === "run/cancelled") finish(undefined);
    const completed = dataOf(event, "run/completed");
    if (completed) finish(completed);
  });
  try {
    const hello = await client.ask("initialize", { protocolVersion: 1, clientInfo: { name: "minimal.ts" } });
    client.tell("initialized", {});
    const run = await client.ask("run/start", { agent, input: question });
    const completed = await ended;
    const tokens = completed && completed.usage.inputTokens + completed.usage.outputTokens;
    console.log(`\n${run.runId} by ${hello.serverInfo.name}: ${tokens ?? "no"} tokens`);
  } finally {
    client.close();
  }
}

const [socket, agent, question] = process.argv.slice(2);
main(socket ?? "", agent ?? "", question ?? "").catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
