// The little of XML that guides need: attributes of a tag, and contents made safe to stand in another document. Whatever
// comes in, what goes out is well-formed; what cannot be made so is refused. Entities are never expanded. Pure.

import { LIST_LIMITS } from "../limits.ts";

/** The attributes of a tag's inside, as in `channel id="a"`: names to values, entities as they stand. */
export function readXmlAttributes(tag: string): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const [, name = "", double, single] of tag.matchAll(
    /\s([A-Za-z_][\w.:-]{0,63})\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/g,
  )) {
    if (attributes.size >= LIST_LIMITS.ATTRIBUTES_MAX) break;
    if (!attributes.has(name)) attributes.set(name, double ?? single ?? "");
  }
  return attributes;
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

/** Text of an attribute or element with its references replaced; unknown ones stay as they are. */
export function xmlToText(text: string): string {
  if (!text.includes("&")) return text;
  return text.replaceAll(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,4}));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return Object.hasOwn(ENTITIES, name) ? (ENTITIES[name] ?? whole) : whole;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return isXmlCharacter(code) ? String.fromCodePoint(code) : "";
  });
}

/** Plain text as it may stand in an attribute or between tags. */
export function textToXml(text: string): string {
  return withoutIllegal(text)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** XML 1.0 section 2.2. */
function isXmlCharacter(code: number): boolean {
  if (code < 0x20) return code === 9 || code === 10 || code === 13;
  return code <= 0xd7ff || (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff);
}

function withoutIllegal(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  return text.toWellFormed().replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "");
}

/** What stands where no reference to a legal character or known entity does. */
function repaired(text: string): string {
  return withoutIllegal(text).replaceAll(
    /&(?:(#\d{1,7}|#x[0-9a-f]{1,6}|lt|gt|amp|quot|apos);)?/gi,
    (whole, name) => {
      if (name === undefined) return "&amp;";
      return name.startsWith("#") ? textToXml(xmlToText(whole)) : `&${name.toLowerCase()};`;
    },
  );
}

/** A tag with its contents as they are written on; undefined leaves the element out. */
export type AttributeFilter = (element: string, name: string, value: string) => string | undefined;

/** Without a colon: a prefix that nobody declares makes the whole document illegal (Namespaces in XML, section 5). */
const NAME = /^[A-Za-z_][\w.-]{0,63}/;

/** Whether an attribute means the same in any document: it declares no namespace, and needs none. */
export function isPlainAttribute(name: string): boolean {
  return name !== "xmlns" && (!name.includes(":") || name === "xml:lang");
}

/**
 * The contents of an element, made anew: balanced tags, quoted attributes, legal characters; comments and instructions left
 * out. `attribute` says what an attribute's value becomes, undefined to leave it out. Undefined for contents whose tags do not
 * match each other.
 */
export function safeContents(xml: string, attribute: AttributeFilter): string | undefined {
  const open: string[] = [];
  let out = "";
  let at = 0;
  while (at < xml.length) {
    const angle = xml.indexOf("<", at);
    const text = xml.slice(at, angle < 0 ? undefined : angle);
    out += repaired(text).replaceAll(">", "&gt;");
    if (angle < 0) break;
    const next = markupAt(xml, angle);
    if (next === undefined) return undefined;
    at = next.end;
    if (next.type === "text") out += textToXml(next.text);
    if (next.type === "close" && open.pop() !== next.name) return undefined;
    if (next.type === "close") out += `</${next.name}>`;
    if (next.type !== "open") continue;
    out += `<${next.name}${attributesOf(next.name, next.text, attribute)}${next.empty ? "/>" : ">"}`;
    if (!next.empty) open.push(next.name);
    if (open.length > LIST_LIMITS.XML_DEPTH_MAX) return undefined;
  }
  return open.length === 0 ? out : undefined;
}

type Markup =
  | { readonly type: "text"; readonly text: string; readonly end: number }
  | { readonly type: "none"; readonly end: number }
  | { readonly type: "close"; readonly name: string; readonly end: number }
  | {
      readonly type: "open";
      readonly name: string;
      readonly text: string;
      readonly empty: boolean;
      readonly end: number;
    };

/** What begins with the "<" at `at`. */
function markupAt(xml: string, at: number): Markup | undefined {
  const until = (mark: string, from: number) => xml.indexOf(mark, from);
  if (xml.startsWith("<!--", at)) return passed(until("-->", at + 4), 3);
  if (xml.startsWith("<?", at)) return passed(until("?>", at + 2), 2);
  if (xml.startsWith("<![CDATA[", at)) {
    const end = until("]]>", at + 9);
    return end < 0 ? undefined : { type: "text", text: xml.slice(at + 9, end), end: end + 3 };
  }
  const end = tagEnd(xml, at);
  if (end < 0) return undefined;
  const isClosing = xml[at + 1] === "/";
  const inside = xml.slice(at + (isClosing ? 2 : 1), end);
  const name = NAME.exec(inside)?.[0];
  if (name === undefined || inside[name.length] === ":") return undefined;
  if (isClosing) return inside.trim() === name ? { type: "close", name, end: end + 1 } : undefined;
  const empty = inside.endsWith("/");
  return { type: "open", name, text: inside.slice(name.length), empty, end: end + 1 };
}

function passed(end: number, length: number): Markup | undefined {
  return end < 0 ? undefined : { type: "none", end: end + length };
}

/** Where the tag that begins at `at` ends: its ">" outside of quotes; -1 when it does not. */
export function tagEnd(xml: string, at: number): number {
  let quote = "";
  for (let i = at + 1; i < xml.length; i++) {
    const char = xml[i];
    if (quote !== "") {
      if (char === quote) quote = "";
    } else if (char === '"' || char === "'") quote = char;
    else if (char === ">") return i;
    else if (char === "<") return -1;
  }
  return -1;
}

function attributesOf(element: string, text: string, attribute: AttributeFilter): string {
  let out = "";
  for (const [name, value] of readXmlAttributes(text)) {
    if (!isPlainAttribute(name)) continue;
    const kept = attribute(element, name, xmlToText(value));
    if (kept !== undefined) out += ` ${name}="${textToXml(kept)}"`;
  }
  return out;
}
