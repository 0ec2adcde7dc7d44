// What is kept and how much of it, what may go; and every setting with where it came from.

import { h } from "../core/dom.js";
import { bytes, count, duration, plural, when } from "../core/format.js";
import { ask, badge, button, empty, facts, field, figure, heading, section, table, tell } from "../core/parts.js";

const PAGE = 100;

export async function show(page) {
  let sought = page.query.get("find") ?? "";
  let most = PAGE;
  let found = null;

  async function load() {
    const [status, kept, { settings }] = await Promise.all([page.call("daemon/status"), page.call("storage/get"), page.call("config/list")]);
    found = { status, kept, settings };
    page.copies(() => found);
    draw();
  }

  function draw() {
    const { status, kept, settings } = found;
    page.show("Settings", heading("Storage and settings"),
      section("What is kept", h("dl", { class: "figures" },
        figure("store", bytes(kept.bytes), kept.kind),
        figure("runs", count(Object.values(kept.runs).reduce((sum, each) => sum + each, 0)), Object.entries(kept.runs).map(([state, number]) => `${count(number)} ${state}`).join(", ")),
        figure("records", count(kept.records)), figure("sessions", count(kept.sessions)), figure("scheduled agents", count(kept.states)), figure("blobs", count(kept.blobs))),
      h("p", { class: "more" }, button("Forget old runs", prune))),
      section("The daemon", facts(["state", badge(status.state)], ["up", duration(status.uptimeSeconds * 1000)], ["version", status.version], ["pid", status.pid], ["socket", h("code", null, status.socket ?? "")], ["data", h("code", null, status.dataDir ?? "")], ["HTTP", status.http], ["TCP", status.tcp],
        ["store", [badge(status.storage.state), status.storage.error && ` ${status.storage.error}`]], ["durability", status.storage.durability], ["settings", [badge(status.config.state), status.config.error && ` ${status.config.error}`]], ["read", when(status.config.readAt)], ["wait for a restart", status.config.afterRestart.join(", ")])),
      section("Settings", h("div", { class: "filters" }, h("input", { type: "search", "aria-label": "Name of a setting", placeholder: "name of a setting", value: sought, oninput: search }), which(), h("span", { class: "quiet" }, "Changed in config.toml: ", h("code", null, "agiwod config edit"))), list(settings)));
  }

  function search(event) {
    sought = event.target.value;
    history.replaceState(null, "", page.with({ find: sought }));
    draw();
  }

  function which() {
    const own = page.query.get("own");
    return h("div", { class: "tabs" }, [["", "all"], ["yes", "not the default"]].map(([value, words]) => h("a", { href: page.with({ own: value, find: sought }), "aria-current": value === (own ?? "") && "true" }, words)));
  }

  function list(settings) {
    const isOwn = page.query.has("own");
    const fit = settings.filter((each) => each.key.toLowerCase().includes(sought.toLowerCase()) && !(isOwn && each.source === "default"));
    if (fit.length === 0) return empty(sought ? `No setting has “${sought}” in its name.` : "Every setting is the default.");
    const rest = fit.length - most;
    return [table(["setting", "value", "from"], fit.slice(0, most).map((each) => [each.key, h("code", null, each.key), each.value === undefined ? h("span", { class: "quiet" }, "not set") : h("code", null, JSON.stringify(each.value)), h("span", { class: each.source === "default" ? "quiet" : "" }, each.where ?? each.source)]), "Settings"),
      rest > 0 && h("p", { class: "more" }, button(`Show more: ${plural(rest, "setting")}`, () => {
        most += PAGE;
        draw();
      }))];
  }

  function prune() {
    const fields = [
      field("keepDays", "Keep what was used within so many days", { kind: "number", min: 0, step: "any", value: 30 }),
      field("keepRuns", "Keep so many of the newest runs", { kind: "number", min: 0, hint: "Left empty, their number does not count." }),
    ];
    ask("Forget old runs", fields, async (form) => {
      const rule = Object.fromEntries([...form].filter(([, value]) => value !== "").map(([name, value]) => [name, Number(value)]));
      const would = await page.call("storage/prune", { ...rule, dryRun: true });
      if (would.runs === 0) return tell("Nothing is that old.");
      ask(`Forget ${plural(would.runs, "run")} in ${plural(would.sessions, "session")}?`, h("p", null, "Nobody can have them back."), async () => {
        const gone = await page.call("storage/prune", rule);
        tell(`${plural(gone.runs, "run")} forgotten.`);
        look();
      }, "Forget them");
      return undefined;
    }, "Look what would go");
  }

  const look = page.loads(load, ["daemon"]);
}
