// Long lists by pages: the daemon's cursor stands in the address, so that a page can be shared and gone back from.

import { h } from "./dom.js";

// A page of a list, the one that the address asks for.
export function pageOf(page, method, asked) {
  return partOf(page, method, { ...asked, cursor: page.query.get("from") });
}

// A part of a list, behind the cursor if there is one; a smaller one where so many things are more than one answer holds.
export async function partOf(page, method, { limit, cursor, ...asked }) {
  for (let most = limit; ; most = Math.floor(most / 4)) {
    try {
      return await page.call(method, { ...asked, limit: most, ...(cursor && { cursor }) });
    } catch (error) {
      if (error.kind !== "message_too_large" || most < 4) throw error;
    }
  }
}

// The ways to the first page and to the next one, where there are such.
export function turning(page, nextCursor, { first = "To the newest", next = "Older ones" } = {}) {
  const isLater = page.query.has("from");
  if (!isLater && !nextCursor) return "";
  return h("nav", { class: "more", "aria-label": "Pages" }, isLater && h("a", { class: "button", href: page.with({ from: "" }) }, first), nextCursor && h("a", { class: "button", href: page.with({ from: nextCursor }) }, next));
}
