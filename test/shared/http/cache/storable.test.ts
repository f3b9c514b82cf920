import { describe, expect, it } from "vitest";
import { controlOf } from "../../../../shared/http/cache/control.ts";
import {
  type Asked,
  freshenedFields,
  refusalOf,
  storedFields,
} from "../../../../shared/http/cache/storable.ts";

const PLAIN: Asked = { authorized: false, cookies: false, range: false, noStore: false };
const FRESH = { "Cache-Control": "max-age=60" };

function refusal(
  status: number,
  fields: Record<string, string>,
  asked: Partial<Asked> = {},
): string | undefined {
  const headers = new Headers(fields);
  return refusalOf(status, headers, controlOf(headers), { ...PLAIN, ...asked });
}

describe("refusalOf", () => {
  it("lets through what says that it may be stored", () => {
    for (const control of ["max-age=60", "s-maxage=60", "public", "no-cache"])
      expect(refusal(200, { "Cache-Control": control })).toBeUndefined();
    expect(refusal(200, { Expires: "Sun, 06 Nov 1994 08:49:37 GMT" })).toBeUndefined();
    expect(refusal(503, FRESH)).toBeUndefined();
  });

  it("refuses what is private, not to be stored, or says nothing", () => {
    expect(refusal(200, { "Cache-Control": "max-age=60, no-store" })).toBe("no-store");
    expect(refusal(200, { "Cache-Control": "max-age=60, private" })).toBe("private");
    expect(refusal(200, { "Cache-Control": 'max-age=60, private="? ?"' })).toBe("private");
    expect(refusal(200, {})).toBe("not-explicit");
    expect(refusal(200, { ...FRESH, Vary: "Accept, *" })).toBe("vary");
    expect(refusal(200, FRESH, { noStore: true })).toBe("request-no-store");
  });

  it.each([206, 304, 400, 401, 412, 413, 416, 429, 431])("refuses %i: it speaks of one request", (status) => {
    expect(refusal(status, FRESH)).toBe("status");
  });

  it("refuses anything but all of it in answer to a Range", () => {
    expect(refusal(404, FRESH, { range: true })).toBe("status");
    expect(refusal(200, FRESH, { range: true })).toBeUndefined();
  });

  it("refuses a cookie, unless the upstream names it as private", () => {
    expect(refusal(200, { ...FRESH, "Set-Cookie": "a=b" })).toBe("set-cookie");
    expect(
      refusal(200, { "Cache-Control": 'max-age=60, private="Set-Cookie"', "Set-Cookie": "a=b" }),
    ).toBeUndefined();
  });

  it("refuses answers to Authorization that are not marked for sharing (RFC 9111 section 3.5)", () => {
    expect(refusal(200, FRESH, { authorized: true })).toBe("authorization");
    for (const control of ["public", "s-maxage=60", "max-age=60, must-revalidate"])
      expect(refusal(200, { "Cache-Control": control }, { authorized: true })).toBeUndefined();
  });

  it("guesses only about what is the same for everyone", () => {
    const guessed = { "Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT" };
    expect(refusal(200, guessed)).toBeUndefined();
    expect(refusal(200, guessed, { cookies: true })).toBe("not-explicit");
    expect(refusal(200, FRESH, { cookies: true })).toBeUndefined();
  });

  it("obeys must-understand instead of no-store where it understands", () => {
    expect(refusal(200, { "Cache-Control": "max-age=60, no-store, must-understand" })).toBeUndefined();
    expect(refusal(599, { "Cache-Control": "max-age=60, must-understand" })).toBe("status");
  });
});

describe("storedFields", () => {
  it("leaves out what belongs to one connection or one exchange", () => {
    const headers = new Headers({
      ...FRESH,
      Connection: "X-Hop",
      "X-Hop": "1",
      "X-Request-Id": "1",
      Age: "5",
      "Proxy-Authenticate": "Basic",
      "X-Kept": "1",
    });
    expect([...storedFields(headers, controlOf(headers)).keys()]).toEqual(["cache-control", "x-kept"]);
  });

  it("leaves out the fields that the upstream names", () => {
    const headers = new Headers({ "Cache-Control": 'private="a", no-cache="b"', a: "1", b: "2", c: "3" });
    expect([...storedFields(headers, controlOf(headers)).keys()]).toEqual(["c", "cache-control"]);
  });
});

describe("freshenedFields", () => {
  it("takes over a 304's fields, but none that describes the body", () => {
    const stored = new Headers({
      ETag: '"1"',
      "Content-Length": "9",
      "Content-Encoding": "gzip",
      "X-A": "1",
      "X-B": "1",
    });
    const update = new Headers({
      ETag: '"2"',
      "Content-Length": "0",
      "X-A": "2",
      "Set-Cookie": "a=b",
      Age: "3",
    });
    const fields = freshenedFields(stored, update, controlOf(update));
    expect(Object.fromEntries(fields)).toEqual({
      etag: '"1"',
      "content-length": "9",
      "content-encoding": "gzip",
      "x-a": "2",
      "x-b": "1",
    });
  });
});
