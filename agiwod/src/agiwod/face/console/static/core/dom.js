// Elements, made of text and of nothing else: no string ever becomes markup. Knows no screen.

const SAFE = new Set(["http:", "https:", "mailto:"]);
const SVG = "http://www.w3.org/2000/svg";

// The address if it is safe to follow: one of ours, or one with a scheme that runs nothing. Else undefined.
export function safeHref(address) {
  if (address.startsWith("#") || (address.startsWith("/") && !address.startsWith("//"))) return address;
  try {
    return SAFE.has(new URL(address).protocol) ? address : undefined;
  } catch {
    return undefined;
  }
}

// An element. `props`: attributes; `class`; `onclick` and others of that kind; `style`, a table of properties; `key`, by
// which `render` finds it again; `own`, when this very element is meant, whose children are not `render`'s to touch.
export function h(tag, props, ...children) {
  return made(document.createElement(tag), props, children);
}

export function svg(tag, props, ...children) {
  return made(document.createElementNS(SVG, tag), props, children);
}

function made(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) set(element, name, value);
  append(element, children);
  return element;
}

function set(element, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (name.startsWith("on")) element[name] = value;
  else if (name === "key" || name === "own") element[name] = value;
  else if (name === "style") Object.assign(element.style, value);
  else if (name === "value") element.value = value;
  else if (name === "href") {
    const address = safeHref(value);
    if (address !== undefined) element.setAttribute("href", address);
  } else element.setAttribute(name, value === true ? "" : String(value));
}

function append(element, children) {
  element.append(...nodes(children));
}

// The children as nodes; what is not there is left out.
function nodes(children) {
  return children
    .flat(4)
    .filter((child) => child !== undefined && child !== null && child !== false && child !== "")
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}

// Have the element show these children. What is there already stays the same element, with its focus, what is typed
// into it and whether it is unfolded; elements with a key are found again wherever they stand.
export function render(element, ...children) {
  patchChildren(element, nodes(children));
}

function patchChildren(element, fresh) {
  const keyed = new Map();
  for (const child of element.childNodes) if (child.key !== undefined) keyed.set(child.key, child);
  let place = element.firstChild;
  for (const next of fresh) {
    let old = next.parentNode === element ? next : next.key === undefined ? place : keyed.get(next.key);
    while (old && next.key === undefined && old.key !== undefined) old = old.nextSibling;
    if (!old || !isAlike(old, next)) {
      element.insertBefore(next, place);
      continue;
    }
    keyed.delete(next.key);
    if (old === place) place = place.nextSibling;
    else element.insertBefore(old, place);
    if (old !== next) patch(old, next);
  }
  while (place) {
    const after = place.nextSibling;
    place.remove();
    place = after;
  }
}

function isAlike(old, next) {
  if (old === next) return true;
  return old.nodeName === next.nodeName && old.key === next.key && !old.own && !next.own;
}

const KEPT = new Set(["open", "style"]);

function patch(old, next) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== next.data) old.data = next.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!KEPT.has(name) && !next.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (!KEPT.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (old.style.cssText !== next.style.cssText) old.style.cssText = next.style.cssText;
  for (const handler of ["onclick", "onsubmit", "oninput", "onchange", "onkeydown", "ontoggle"]) {
    if (old[handler] !== next[handler]) old[handler] = next[handler];
  }
  if ("value" in old && old.localName !== "li" && old !== document.activeElement && !old.dirty && old.value !== next.value) {
    old.value = next.value;
  }
  patchChildren(old, [...next.childNodes]);
}
