// vscode-jsonrpc's connection over stdio. It answers `echo` at once; `stream` sends so many notifications first.
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from "vscode-jsonrpc/node";

const connection = createMessageConnection(
  new StreamMessageReader(process.stdin),
  new StreamMessageWriter(process.stdout),
);
const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

connection.onRequest("initialize", () => ({}));
connection.onRequest("echo", ({ text }) => ({ text }));
connection.onRequest("stream", async ({ text, count, pause: seconds }) => {
  for (let number = 0; number < count; number += 1) {
    if (seconds) await pause(seconds);
    await connection.sendNotification("progress", { token: "t", text });
  }
  return { text };
});
connection.listen();
