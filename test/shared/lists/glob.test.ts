import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matchesAny, matchGlob, rename } from "../../../shared/lists/glob.ts";

describe("matchGlob", () => {
  it("matches whole texts without regard to case, and says what its stars stand for", () => {
    expect(matchGlob("UK: *", "uk: BBC One")).toEqual(["BBC One"]);
    expect(matchGlob("* | *", "UK | News | HD")).toEqual(["UK", "News | HD"]);
    expect(matchGlob("B?C*", "bbc")).toEqual([""]);
    expect(matchGlob("BBC", "BBC One")).toBeUndefined();
    expect(matchGlob("*HD", "BBC HD SD")).toBeUndefined();
    expect(matchGlob("", "")).toEqual([]);
  });

  it("takes characters of regular expressions as they are", () => {
    expect(matchGlob("[A]+(b)", "[a]+(B)")).toEqual([]);
    expect(matchGlob(".", "x")).toBeUndefined();
  });

  it("gives up on pairs that would take for ever", () => {
    const before = performance.now();
    expect(matchGlob(`${"*a".repeat(90)}b`, "a".repeat(200))).toBeUndefined();
    expect(performance.now() - before).toBeLessThan(100);
  });

  it("agrees with a regular expression on any short pair", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 6 });
    const text = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 8 });
    fc.assert(
      fc.property(letters, text, (glob, subject) => {
        const regex = new RegExp(`^${glob.replaceAll("*", ".*").replaceAll("?", ".")}$`);
        expect(matchesAny([glob], subject)).toBe(regex.test(subject));
      }),
    );
  });
});

describe("rename", () => {
  it("fills the stars of the first rule that matches", () => {
    const rules = { "UK: *": "*", "* FHD": "* HD", "*": "never for what matched before" };
    expect(rename(rules, "UK: One FHD")).toBe("One FHD");
    expect(rename({ "* | *": "* - *" }, "A | B")).toBe("A - B");
    expect(rename({ "x*": "y" }, "a")).toBe("a");
  });
});
