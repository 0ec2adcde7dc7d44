// What is wrong with the daemon, in a line over every view for as long as it is so. Mends nothing.

import { h } from "./dom.js";
import { link } from "./link.js";

const AWAY = {
  gone: "The daemon is not there. What is shown is from before; all of it goes on by itself once the daemon is back here. If it is elsewhere by now, or the console is off, run `agiwod console` in a terminal.",
  stranger: "This browser is not let in any more, or the console was turned off. What is shown is from before. Run `agiwod console` in a terminal.",
  full: "The daemon has as many connections as it takes. This page goes on by itself once some of them end: close other tabs and clients.",
};

const OTHER = "The daemon has another store than before: what this page has shown is not in it.";

let element = null;
let replaced = null;
let told = "";
let status = null; // as the daemon told it last
let store = null; // the name of the one that it had then
let isOther = false; // another one than the one before, since somebody has come to this view
let isLooking = false;
let isDue = false;

// Tell it there from now on. `show` is called when there is another store, so that nothing of the earlier one stays.
export function keepBanner(place, show) {
  element = place;
  replaced = show;
  link.watch((state) => {
    status = null;
    if (state === "live") doubt();
    else draw();
  });
  link.listen((event) => (event === null || event.topic === "daemon") && doubt());
  window.addEventListener("hashchange", () => {
    isOther = false;
    draw();
  });
}

// Ask how the daemon is: something says that it may be otherwise than it was.
export async function doubt() {
  isDue = true;
  if (isLooking) return;
  isLooking = true;
  while (isDue) {
    isDue = false;
    status = await link.call("daemon/status").catch(() => null); // who is not there tells so by the link
    if (status) compare(status.storage.id);
    draw();
  }
  isLooking = false;
}

function compare(id) {
  if (store && store !== id) {
    isOther = true;
    replaced();
  }
  store = id;
}

function draw() {
  const words = AWAY[link.state] ?? (status ? trouble(status) : "");
  if (words === told) return; // what is read out is read once
  told = words;
  element.replaceChildren(...words.split("`").map((part, place) => (place % 2 ? h("code", null, part) : part)));
  element.hidden = !words;
}

function trouble({ state, storage }) {
  if (state === "draining") return "The daemon is about to end: it takes no new runs, and waits a while for those under way. What is not over by then goes on at its next start.";
  if (storage.state === "failed") return `The store refuses writes: ${storage.error}. Make room on its disk, or see that it is there and can be written; \`agiwod doctor\` tells more. What is under way waits, and goes on by itself then.`;
  return isOther ? OTHER : "";
}
