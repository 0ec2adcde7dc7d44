// What an extension does with the client of the guides, and what it hears of it: one JSON object on stdout.
import { createRequire } from "node:module";

const { Client, kindOf } = createRequire(import.meta.url)(process.env.AGIWOD_CLIENT);
const asked = [];
const client = await Client.connect({
  command: JSON.parse(process.env.AGIWOD_COMMAND),
  name: "an-extension",
  cwd: process.cwd(),
  onApproval: async (approval) => {
    asked.push(approval.subject.arguments);
    return { optionId: "allow_once" };
  },
});
const first = [];
for await (const event of client.run("quick", "hi")) first.push(event);
const second = [];
for await (const event of client.run("careful", "go")) second.push(event);
const again = [];
for await (const event of client.attach(first[0].runId, first.at(-1).seq - 1)) again.push(event);
const slow = [];
for await (const event of client.run("slow", "go")) {
  if (event.type === "item/delta" && !slow.some((each) => each.type === "item/delta")) {
    await client.cancel(event.runId, "enough");
  }
  slow.push(event);
}
const refused = await client.ask("run/get", { runId: "nowhere" }).catch(kindOf);
client.close();
console.log(JSON.stringify({ first, second, again, slow, asked, refused }));
