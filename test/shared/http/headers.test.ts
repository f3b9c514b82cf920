import { describe, expect, it } from "vitest";
import { contentLength, foldedName, isOddName } from "../../../shared/http/headers.ts";
import { isReplayable } from "../../../shared/http/replayable.ts";
import { utf8Length } from "../../../shared/http/utf8-length.ts";

describe("foldedName", () => {
  it("is what a gateway makes of a name", () => {
    for (const name of ["x_forwarded_for", "x-forwarded_for", "x.forwarded.for", "x!forwarded|for"])
      expect([isOddName(name), foldedName(name)], name).toEqual([true, "x-forwarded-for"]);
    expect(["x-forwarded-for", "accept", "x-1"].map(isOddName)).toEqual([false, false, false]);
  });
});

describe("contentLength", () => {
  it("reads a decimal number and nothing else", () => {
    const read = (value: string) => contentLength(new Headers({ "Content-Length": value }));
    expect([read("0"), read("104857600")]).toEqual([0, 104_857_600]);
    expect([read("-1"), read("1e3"), read("5, 5"), read("0x10"), contentLength(new Headers())]).toEqual(
      Array(5).fill(undefined),
    );
  });
});

describe("isReplayable", () => {
  it("allows idempotent methods without a body", () => {
    expect(
      ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"].map((method) => isReplayable(method, false)),
    ).not.toContain(false);
  });

  it("refuses other methods and every body", () => {
    expect([
      isReplayable("POST", false),
      isReplayable("PATCH", false),
      isReplayable("PUT", true),
    ]).not.toContain(true);
  });
});

describe("utf8Length", () => {
  it("counts what an encoder writes", () => {
    for (const text of ["", "abc", "é", "€", "😀", "a😀é€", "\ud83d", "\ude00x", "\ud83d\ud83d\ude00"])
      expect([text, utf8Length(text)]).toEqual([text, new TextEncoder().encode(text).length]);
  });
});
