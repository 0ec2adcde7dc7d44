// The screens: each is a module of `screens/` that exports `show(page)`. A new one is a file there, and a line here.

export const ROUTES = [
  // the path, its module, and what the navigation calls it; or else the path of the screen that it is below
  ["", "overview", "Overview"],
  ["runs", "runs", "Runs"],
  ["runs/:run", "run"],
  ["approvals", "approvals", "Approvals"],
  ["scheduler", "scheduler", "Scheduler"],
  ["scheduler/:state", "state"],
  ["schedules/:schedule", "schedule", "", "scheduler"],
  ["sessions", "sessions", "Sessions"],
  ["sessions/:session", "session"],
  ["agents", "agents", "Agents"],
  ["agents/:agent", "agent"],
  ["traces", "traces", "Traces"],
  ["traces/:trace", "trace"],
  ["skills", "skills", "Skills"],
  ["skills/:skill", "skill"],
  ["mcp", "mcp", "MCP servers"],
  ["usage", "usage", "Usage"],
  ["settings", "settings", "Settings"],
];
