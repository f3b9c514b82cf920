import { describe, expect, it } from "vitest";
import { joinedNames, selectingKey, varyNames } from "../../../../shared/http/cache/vary.ts";
import { CACHE_LIMITS } from "../../../../shared/limits.ts";

describe("varyNames", () => {
  it("lists names once, sorted, in lower case", () => {
    expect(varyNames("Foo, accept-encoding,,FOO")).toEqual(["accept-encoding", "foo"]);
    expect(varyNames(null)).toEqual([]);
  });

  it("is nothing for a star, a name that is none, and too many", () => {
    expect(varyNames("a, *")).toBeUndefined();
    expect(varyNames("a b")).toBeUndefined();
    const many = Array.from({ length: CACHE_LIMITS.VARY_NAMES_MAX + 1 }, (_, at) => `x-${at}`);
    expect(varyNames(many.join())).toBeUndefined();
  });
});

describe("joinedNames", () => {
  it("never loses a name of the new reply", () => {
    expect(joinedNames(["a"], ["b", "a"])).toEqual(["a", "b"]);
    const many = Array.from({ length: CACHE_LIMITS.VARY_NAMES_MAX }, (_, at) => `x-${at}`);
    expect(joinedNames(many, ["b"])).toEqual(["b"]);
  });
});

describe("selectingKey", () => {
  const key = (fields: Record<string, string>, names = ["foo"]) => selectingKey(names, new Headers(fields));

  it("tells an absent field from an empty one, and one value from another", () => {
    expect(new Set([key({}), key({ foo: "" }), key({ foo: "-" }), key({ foo: "a" })]).size).toBe(4);
  });

  it("cannot be made to look like another's by what a value holds", () => {
    expect(key({ a: "1", b: "2" }, ["a", "b"])).not.toBe(key({ a: "1\tb=:2" }, ["a", "b"]));
  });

  it("takes spaces around commas for nothing, and quoted strings as they are", () => {
    expect(key({ foo: "1 ,2" })).toBe(key({ foo: "1, 2" }));
    expect(key({ foo: '"1 ,2"' })).not.toBe(key({ foo: '"1, 2"' }));
    expect(key({ foo: "A" })).not.toBe(key({ foo: "a" }));
  });

  it("takes a value that may be no list as it is: upstreams read spaces in it", () => {
    const browser = (value: string) => key({ "user-agent": value }, ["user-agent"]);
    expect(browser("Any/5.0 (KHTML,like Gecko)")).not.toBe(browser("Any/5.0 (KHTML, like Gecko)"));
    const accepted = (value: string) => key({ accept: value }, ["accept"]);
    expect(accepted("text/html ,*/*;q=0.8")).toBe(accepted("text/html, */*;q=0.8"));
  });

  it("knows that order and case of codings and case of languages mean nothing", () => {
    const codings = (value: string) => key({ "accept-encoding": value }, ["accept-encoding"]);
    expect(codings("gzip, BR")).toBe(codings("br,gzip"));
    expect(codings("gzip;q=0, br")).not.toBe(codings("gzip, br"));
    const languages = (value: string) => key({ "accept-language": value }, ["accept-language"]);
    expect(languages("EN, de")).toBe(languages("en,de"));
    expect(languages("de, en")).not.toBe(languages("en, de"));
  });
});
