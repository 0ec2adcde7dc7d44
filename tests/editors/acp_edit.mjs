// An editor made of the SDK of ACP: a session begun, or one loaded; what it hears of it as one JSON object on stdout.
import { spawn } from "node:child_process";
import { Readable, Writable } from "node:stream";
import * as acp from "@agentclientprotocol/sdk";

const [cwd, session] = process.argv.slice(2);
const [command, ...args] = JSON.parse(process.env.AGIWOD_COMMAND);
const agent = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
const files = new Map([[`${cwd}/poem.txt`, "roses are red\n"]]);
const updates = [];
const asked = [];
let hear = () => {};

const editor = acp
  .client({ name: "an-editor" })
  .onRequest(acp.methods.client.session.requestPermission, async ({ params }) => {
    asked.push(params.toolCall);
    return { outcome: { outcome: "selected", optionId: params.options[0].optionId } };
  })
  .onRequest(acp.methods.client.fs.readTextFile, async ({ params }) => {
    if (!files.has(params.path)) throw acp.RequestError.resourceNotFound(params.path);
    return { content: files.get(params.path) };
  })
  .onRequest(acp.methods.client.fs.writeTextFile, async ({ params }) => {
    files.set(params.path, params.content);
    return {};
  })
  .onNotification(acp.methods.client.session.update, async ({ params }) => {
    updates.push(params.update);
    hear(params.update);
  });

const said = (sessionId, text) => ({ sessionId, prompt: [{ type: "text", text }] });
const told = await editor.connectWith(
  acp.ndJsonStream(Writable.toWeb(agent.stdin), Readable.toWeb(agent.stdout)),
  async (ctx) => {
    const hello = await ctx.request(acp.methods.agent.initialize, {
      protocolVersion: acp.PROTOCOL_VERSION,
      clientCapabilities: { fs: { readTextFile: true, writeTextFile: true } },
      clientInfo: { name: "an-editor", version: "1" },
    });
    if (session) {
      await ctx.request(acp.methods.agent.session.load, { sessionId: session, cwd, mcpServers: [] });
      return { hello, updates };
    }
    const { sessionId } = await ctx.request(acp.methods.agent.session.new, { cwd, mcpServers: [] });
    const first = await ctx.request(acp.methods.agent.session.prompt, said(sessionId, "mend the poem"));
    await ctx.request(acp.methods.agent.session.setMode, { sessionId, modeId: "slow" });
    const heard = new Promise((done) => {
      hear = (update) => update.sessionUpdate === "agent_message_chunk" && done();
    });
    const second = ctx.request(acp.methods.agent.session.prompt, said(sessionId, "count"));
    await heard;
    await ctx.notify(acp.methods.agent.session.cancel, { sessionId });
    return { hello, sessionId, updates, asked, files: [...files], stops: [first, await second] };
  },
);
agent.kill();
console.log(JSON.stringify(told));
process.exit(0);
