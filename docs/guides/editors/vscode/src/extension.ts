// The daemon's agents in Visual Studio Code: a question, its answer in the output panel, approvals as messages.

import * as vscode from "vscode";
import { Approval, Client, Reply, RunEvent } from "./client.js";

let client: Promise<Client> | undefined;
let session: string | undefined;
let run: string | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const panel = vscode.window.createOutputChannel("agiwod", "markdown");
  context.subscriptions.push(
    panel,
    vscode.commands.registerCommand("agiwod.ask", () => told(() => ask(panel))),
    vscode.commands.registerCommand("agiwod.cancel", () => told(cancel)),
    vscode.commands.registerCommand("agiwod.new", () => (session = undefined)),
  );
}

export async function deactivate(): Promise<void> {
  (await client)?.close();
}

/** Do it, and tell what went wrong. */
async function told(what: () => Promise<void>): Promise<void> {
  try {
    await what();
  } catch (error) {
    client = undefined; // the next question connects again
    void vscode.window.showErrorMessage(`agiwod: ${error instanceof Error ? error.message : error}`);
  }
}

function connected(): Promise<Client> {
  client ??= Client.connect({
    command: vscode.workspace.getConfiguration("agiwod").get<string[]>("command", ["agiwod", "stdio"]),
    name: "vscode",
    cwd: vscode.workspace.workspaceFolders?.[0]?.uri.fsPath,
    onApproval,
  });
  return client;
}

async function ask(panel: vscode.OutputChannel): Promise<void> {
  const question = await vscode.window.showInputBox({ prompt: "Ask the agent, about the selection if there is one" });
  if (!question) return;
  const editor = vscode.window.activeTextEditor;
  const selected = editor?.document.getText(editor.selection) ?? "";
  const daemon = await connected();
  panel.show(true);
  panel.append(`> ${question}\n\n`);
  for await (const event of daemon.run(await agent(daemon), selected ? `${question}\n\n${selected}` : question, session)) {
    run = event.runId;
    if (event.type === "run/started") session = event.data.sessionId as string;
    panel.append(words(event));
  }
}

async function agent(daemon: Client): Promise<string> {
  const named = vscode.workspace.getConfiguration("agiwod").get<string>("agent");
  const found = named || (await daemon.ask<{ defaultAgent?: string }>("agent/list", {})).defaultAgent;
  if (!found) throw new Error("no agent is the default one; set agiwod.agent");
  return found;
}

async function cancel(): Promise<void> {
  if (run) await (await connected()).cancel(run, "cancelled in Visual Studio Code");
}

/** What an event says to a person. */
function words({ type, data }: RunEvent): string {
  switch (type) {
    case "item/delta":
      return data.kind === "text" ? String(data.text) : "";
    case "item/completed":
      return data.kind === "toolCall" ? `\n[${data.name}]\n` : "";
    case "run/failed":
      return `\n(failed: ${(data.error as { message: string }).message})\n\n`;
    case "run/cancelled":
      return `\n(cancelled: ${data.reason})\n\n`;
    case "run/completed":
      return "\n\n";
    default:
      return "";
  }
}

async function onApproval({ title, subject, options }: Approval): Promise<Reply> {
  const detail = JSON.stringify(subject.arguments, null, 2);
  const buttons = options.map(({ optionId, name }) => ({ title: name, optionId }));
  const chosen = await vscode.window.showWarningMessage(title, { modal: true, detail }, ...buttons);
  return chosen ? { optionId: chosen.optionId } : {};
}
