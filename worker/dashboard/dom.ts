// Typed helpers for building the page. Strings always become text nodes or attribute values, never markup, because
// most of what the page shows was chosen by clients.

/** Attributes by name. The names must be literals of this page's sources. */
type Attributes = Readonly<Record<string, string>>;

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/**
 * The element of index.html with this id.
 * @throws when the page lacks it: its sources and index.html disagree.
 */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`Cannot find the element "${id}" in the page`);
  return found;
}

/** Writes text only if it differs: an equal write would still cost layout and restart a live announcement. */
export function setText(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

/** Writes an attribute only if it differs. */
export function setAttribute(target: Element, name: string, value: string): void {
  if (target.getAttribute(name) !== value) target.setAttribute(name, value);
}

/** Follows a media query: calls `apply` at each change. */
export function onMediaChange(query: string, apply: (matches: boolean) => void): void {
  window.matchMedia(query).addEventListener("change", (event) => apply(event.matches));
}
