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
// which `render` finds it again; `own`, when this very element is meant, whose children are not `render`'s to touch;
// `kept`, when what comes into it later is not.
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
  else if (name === "key" || name === "own" || name === "kept") element[name] = value;
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
  const held = document.activeElement;
  patchChildren(element, nodes(children));
  if (held === document.activeElement) return;
  // An element that was moved has lost the focus, and one that is gone has taken it along.
  (held.isConnected ? held : element.closest("[tabindex]"))?.focus({ preventScroll: true });
}

function patchChildren(element, fresh) {
  const paired = pairs([...element.childNodes], fresh);
  const kept = new Set(paired.values());
  for (const child of [...element.childNodes]) if (!kept.has(child)) child.remove();
  let place = element.firstChild;
  for (const next of fresh) {
    const old = paired.get(next);
    if (old === undefined || old !== place) element.insertBefore(old ?? next, place);
    else place = place.nextSibling;
    if (old && old !== next) patch(old, next);
  }
}

// For each fresh child the one that is there and goes on as it: itself, the one of its key, or one of its kind.
function pairs(old, fresh) {
  const there = new Set(old);
  const keyed = new Map(old.filter((child) => child.key !== undefined).map((child) => [child.key, child]));
  const paired = new Map();
  for (const next of fresh) {
    const found = there.has(next) ? next : keyed.get(next.key);
    if (found && isAlike(found, next)) paired.set(next, found);
  }
  const isPlain = (child) => child.key === undefined && !child.own;
  match(old.filter(isPlain), fresh.filter((next) => isPlain(next) && !paired.has(next)), paired);
  return paired;
}

// Pair the longest rows of children of the same kind that stand in the same order in both: what is put in between or
// taken away from there costs those around it nothing.
function match(old, fresh, paired) {
  let first = 0;
  while (first < old.length && first < fresh.length && isAlike(old[first], fresh[first])) paired.set(fresh[first], old[first++]);
  let [oldEnd, freshEnd] = [old.length, fresh.length];
  while (oldEnd > first && freshEnd > first && isAlike(old[oldEnd - 1], fresh[freshEnd - 1])) paired.set(fresh[--freshEnd], old[--oldEnd]);
  const [rows, columns] = [oldEnd - first, freshEnd - first];
  if (rows === 0 || columns === 0 || rows * columns > 10_000) return;
  const longest = Array.from({ length: rows + 1 }, () => new Uint16Array(columns + 1));
  for (let row = rows - 1; row >= 0; row -= 1) {
    for (let column = columns - 1; column >= 0; column -= 1) {
      longest[row][column] = isAlike(old[first + row], fresh[first + column]) ? longest[row + 1][column + 1] + 1 : Math.max(longest[row + 1][column], longest[row][column + 1]);
    }
  }
  for (let [row, column] = [0, 0]; row < rows && column < columns; ) {
    if (isAlike(old[first + row], fresh[first + column])) paired.set(fresh[first + column++], old[first + row++]);
    else if (longest[row + 1][column] >= longest[row][column + 1]) row += 1;
    else column += 1;
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
  if (old.kept) return;
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
