import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  compileHeaderRules,
  type HeaderRulesConfig,
  isForbiddenField,
} from "../../../shared/http/header-rules.ts";
import {
  compileTemplate,
  fillTemplate,
  PLACEHOLDERS,
  type Placeholder,
  unknownPlaceholders,
} from "../../../shared/http/placeholders.ts";

const EMPTY: HeaderRulesConfig = { set: {}, add: {}, remove: [] };

function apply(config: Partial<HeaderRulesConfig>, headers: Record<string, string>): [string, string][] {
  const fields = new Headers(headers);
  compileHeaderRules({ ...EMPTY, ...config })?.apply(fields, (name) => `<${name}>`);
  return [...fields];
}

describe("compileTemplate", () => {
  it("keeps a text without placeholders as it is", () => {
    for (const text of ["", "prod", '{"group":"nel","max_age":60}', "{unknown}", "{ host }", "{HOST}", "}{"])
      expect(compileTemplate(text)).toBe(text);
  });

  it("finds each placeholder", () => {
    const text = PLACEHOLDERS.map((name) => `${name}={${name}}`).join(";");
    const filled = PLACEHOLDERS.map((name) => `${name}=<${name}>`).join(";");
    expect(fillTemplate(compileTemplate(text), (name) => `<${name}>`)).toBe(filled);
  });

  it("takes two braces for one", () => {
    const fill = (text: string) => fillTemplate(compileTemplate(text), (name) => `<${name}>`);
    expect(fill("{{host}")).toBe("{host}");
    expect(fill("{{{host}")).toBe("{<host>");
  });
});

describe("unknownPlaceholders", () => {
  it("names words in braces that are none", () => {
    expect(unknownPlaceholders('{host} {hots} {{cost} {"a":1} {id}')).toEqual(["hots", "id"]);
  });
});

describe("fillTemplate", () => {
  it("never lets a value end a field, begin another one or throw", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.constantFrom(...PLACEHOLDERS), (value, name) => {
        const template = compileTemplate(`a{${name}}z`);
        const headers = new Headers();
        headers.set(
          "x",
          fillTemplate(template, () => value),
        );
        expect(headers.get("x")).toMatch(/^a[ -~]*z$/);
      }),
      { numRuns: 500 },
    );
  });

  it("keeps values apart that differ in what cannot stand in a field", () => {
    const fill = (value: string) => fillTemplate(compileTemplate("{user}"), () => value);
    expect(fill("ad\r\nmin")).toBe("ad??min");
    expect(fill("адмін")).toBe("?????");
  });
});

describe("compileHeaderRules", () => {
  it("makes nothing of no rules", () => {
    expect(compileHeaderRules(EMPTY)).toBeUndefined();
  });

  it("removes, then sets, then adds", () => {
    const rules = { remove: ["X-A"], set: { "X-B": "new" }, add: { "X-A": "added", "X-B": "more" } };
    expect(apply(rules, { "x-a": "old", "x-b": "old", "x-c": "kept" })).toEqual([
      ["x-a", "added"],
      ["x-b", "new, more"],
      ["x-c", "kept"],
    ]);
  });

  it("adds a cookie as cookies are separated", () => {
    expect(apply({ add: { Cookie: "b=2" } }, { cookie: "a=1" })).toEqual([["cookie", "a=1; b=2"]]);
    expect(apply({ add: { Cookie: "b=2" } }, {})).toEqual([["cookie", "b=2"]]);
  });

  it("fills in placeholders each time", () => {
    expect(apply({ set: { "X-Who": "{user}@{host}" } }, {})).toEqual([["x-who", "<user>@<host>"]]);
  });

  it("touches no field that it does not name, whatever is filled in", () => {
    const rules = compileHeaderRules({ ...EMPTY, set: { "X-A": "{path}" }, add: { "X-B": "{host}" } });
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (value) => {
        const headers = new Headers({ "x-c": "1" });
        rules?.apply(headers, (_: Placeholder) => value);
        expect([...headers.keys()]).toEqual(["x-a", "x-b", "x-c"]);
      }),
    );
  });
});

describe("isForbiddenField", () => {
  it("keeps rules off framing, connections and the proxy's own fields", () => {
    const names = ["Host", "content-length", "Transfer-Encoding", "Connection", "Upgrade", "TE", "Trailer"];
    for (const name of [...names, "Sec-WebSocket-Key", "X-Causeway-Target"])
      expect([isForbiddenField(name, "request"), isForbiddenField(name, "response")]).toEqual([true, true]);
    expect(isForbiddenField("Content-Encoding", "response")).toBe(true);
    for (const name of ["Authorization", "Via", "X-Request-Id", "Server", "X-Forwarded-For"])
      expect(isForbiddenField(name, "request"), name).toBe(false);
  });
});
