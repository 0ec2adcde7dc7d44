// The page itself: navigation, which view is shown, and how the daemon is. Knows no view but by its route.

import { keepBanner } from "./core/banner.js";
import { h, render } from "./core/dom.js";
import { keepTimes } from "./core/format.js";
import { link } from "./core/link.js";
import { Page } from "./core/page.js";
import { shows } from "./core/parts.js";
import { ROUTES } from "./routes.js";

const main = document.getElementById("main");
const nav = document.getElementById("nav");

let page = null;
let openApprovals = 0;

const AGAIN = 250; // milliseconds after which a view is asked for again whose daemon went away meanwhile

// The parts of the address behind the `#`, and what it asks for.
function address() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  return { parts, query: new URLSearchParams(query ?? "") };
}

function routeOf(parts) {
  return ROUTES.find(([pattern]) => {
    const wanted = pattern.split("/").filter(Boolean);
    return wanted.length === parts.length && wanted.every((each, place) => each.startsWith(":") || each === parts[place]);
  });
}

async function show() {
  const { parts, query } = address();
  const route = routeOf(parts);
  page?.leave();
  // One run and one session go on where they were begun from; all else is of the project that its address names.
  if (query.has("project") || !["run", "session"].includes(route?.[1])) link.workIn(query.get("project") ?? "");
  page = new Page(main, parts.slice(1), query);
  shows(page);
  drawNav();
  const mine = page;
  if (!route) return mine.show("Nothing here", h("h1", null, "There is no such view"), h("p", null, h("a", { href: "#/" }, "To the overview")));
  try {
    const screen = await import(`./screens/${route[1]}.js`);
    await screen.show(mine);
  } catch (error) {
    if (error.name === "AbortError" || mine.signal.aborted) return;
    if (error.kind === "gone") setTimeout(() => mine === page && show(), AGAIN); // what it asks waits until it is back
    else mine.fail(error);
  }
}

function drawNav() {
  const { parts } = address();
  const open = routeOf(parts)?.[3] ?? parts[0] ?? "";
  const items = ROUTES.filter(([, , name]) => name).map(([path, , name]) => {
    const isHere = path === open;
    const waiting = path === "approvals" && openApprovals > 0 && h("b", { class: "count", title: "open questions" }, openApprovals);
    return h("li", { key: path }, h("a", { href: `#/${path}`, "aria-current": isHere && "page" }, name, waiting));
  });
  render(nav, h("ul", null, items));
  nav.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

// How many questions wait: told beside their screen, and in the title of a tab that is not looked at.
async function countApprovals() {
  const { approvals } = await link.call("approval/list");
  openApprovals = approvals.length;
  drawNav();
}

function drawState(state) {
  document.body.dataset.state = state;
  if (state !== "live") return;
  const { serverInfo, daemon } = link.server;
  document.getElementById("foot").textContent = `${serverInfo.name} ${serverInfo.version} · pid ${daemon.pid}`;
}

// Keys that go somewhere: `g` and the first letters of a screen would be too much to know; `/` looks for something.
function onKey(event) {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
  const search = main.querySelector("input[type=search]");
  if (!search) return;
  event.preventDefault();
  search.focus();
}

keepBanner(document.getElementById("banner"), show);
link.watch(drawState);
link.listen((event) => event === null && page.hasFailed && show());
link.listen((event) => (event === null || event.topic === "approval" || event.topic === "run") && soon());
let counting = 0;
function soon() {
  clearTimeout(counting);
  counting = setTimeout(() => countApprovals().catch(() => null), 200);
}
document.addEventListener("keydown", onKey);
document.addEventListener("input", (event) => {
  event.target.dirty = true; // what somebody types is not replaced by what is there
});
window.addEventListener("hashchange", () => {
  show();
  window.scrollTo(0, 0);
  main.focus({ preventScroll: true });
});
keepTimes();
show();
link.start();
