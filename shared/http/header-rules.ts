// Rules that remove, set and add header fields, compiled once per configuration. Pure.

import { compileTemplate, fillTemplate, type Placeholder, type Template } from "./placeholders.ts";

export interface HeaderRulesConfig {
  readonly set: Readonly<Record<string, string>>;
  readonly add: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
}

interface Rule {
  readonly name: string;
  readonly template: Template;
}

export interface HeaderRules {
  /** Lower-case names of all fields that the rules speak of. */
  readonly names: readonly string[];
  /** Changes `headers` in place: removes, then sets, then adds. */
  apply(headers: Headers, lookUp: (name: Placeholder) => string): void;
}

/** The rules ready for use; undefined where there are none. */
export function compileHeaderRules({ set, add, remove }: HeaderRulesConfig): HeaderRules | undefined {
  const setting = rulesOf(set);
  const adding = rulesOf(add);
  const all = [...remove, ...Object.keys(set), ...Object.keys(add)];
  if (all.length === 0) return undefined;
  return {
    names: all.map((name) => name.toLowerCase()),
    apply(headers, lookUp) {
      for (const name of remove) headers.delete(name);
      for (const { name, template } of setting) headers.set(name, fillTemplate(template, lookUp));
      for (const { name, template } of adding) addField(headers, name, fillTemplate(template, lookUp));
    },
  };
}

function rulesOf(fields: Readonly<Record<string, string>>): Rule[] {
  return Object.entries(fields).map(([name, text]) => ({ name, template: compileTemplate(text) }));
}

/** RFC 6265 §5.4: there is one Cookie field, and its pairs are not separated as those of other lists are. */
function addField(headers: Headers, name: string, value: string): void {
  const existing = name.toLowerCase() === "cookie" ? headers.get(name) : null;
  if (existing === null) headers.append(name, value);
  else headers.set(name, `${existing}; ${value}`);
}

/** Fields that decide where a message ends or whom it goes to: the runtime or the proxy writes them. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** True for a field that no rule may touch; a reply's coding cannot be renamed without changing its body. */
export function isForbiddenField(name: string, direction: "request" | "response"): boolean {
  const lower = name.toLowerCase();
  if (direction === "response" && lower === "content-encoding") return true;
  return FORBIDDEN.has(lower) || /^(?:sec-websocket|x-causeway)-/.test(lower);
}
