import { describe, expect, it } from "vitest";
import {
  isNotModified,
  isRangeAllowed,
  namesTag,
  setValidators,
} from "../../../../shared/http/cache/conditions.ts";

const BORN = Date.UTC(2026, 10, 21);
const LATER = new Date(BORN + 60_000).toUTCString();
const EARLIER = new Date(BORN - 60_000).toUTCString();

describe("namesTag", () => {
  it("compares weakly, and finds a tag anywhere in a list", () => {
    expect(namesTag('"a", W/"b"', '"b"')).toBe(true);
    expect(namesTag('"a,b"', '"a,b"')).toBe(true);
    expect(namesTag('"a"', '"b"')).toBe(false);
    expect(namesTag("*", null)).toBe(true);
    expect(namesTag('"a"', null)).toBe(false);
  });
});

describe("isNotModified", () => {
  const judged = (request: Record<string, string>, stored: Record<string, string>) =>
    isNotModified(new Headers(request), new Headers(stored), BORN);

  it("goes by tags where there are any, whatever the date says", () => {
    const request = { "If-None-Match": '"a"', "If-Modified-Since": LATER };
    expect(judged(request, { ETag: '"b"', "Last-Modified": EARLIER })).toBe(false);
    expect(judged(request, { ETag: '"a"' })).toBe(true);
  });

  it("goes by the last change, else by when the reply was made", () => {
    expect(judged({ "If-Modified-Since": EARLIER }, { "Last-Modified": EARLIER })).toBe(true);
    expect(judged({ "If-Modified-Since": EARLIER }, { "Last-Modified": LATER })).toBe(false);
    expect(judged({ "If-Modified-Since": LATER }, {})).toBe(true);
    expect(judged({ "If-Modified-Since": EARLIER }, {})).toBe(false);
    expect(judged({ "If-Modified-Since": "soon" }, { "Last-Modified": EARLIER })).toBe(false);
  });
});

describe("isRangeAllowed", () => {
  const allowed = (condition: string | undefined, stored: Record<string, string>) =>
    isRangeAllowed(
      new Headers(condition === undefined ? {} : { "If-Range": condition }),
      new Headers(stored),
    );

  it("needs the same strong tag or exactly the same date", () => {
    expect(allowed(undefined, {})).toBe(true);
    expect(allowed('"a"', { ETag: '"a"' })).toBe(true);
    expect(allowed('W/"a"', { ETag: 'W/"a"' })).toBe(false);
    expect(allowed('"a"', { ETag: 'W/"a"' })).toBe(false);
    expect(allowed(EARLIER, { "Last-Modified": EARLIER })).toBe(true);
    expect(allowed(LATER, { "Last-Modified": EARLIER })).toBe(false);
  });
});

describe("setValidators", () => {
  it("replaces the client's own conditions, and its Range", () => {
    const request = new Headers({
      "If-None-Match": '"client"',
      Range: "bytes=0-1",
      "If-Range": '"x"',
      Accept: "*/*",
    });
    setValidators(request, new Headers({ ETag: '"a"', "Last-Modified": EARLIER }));
    expect(Object.fromEntries(request)).toEqual({
      accept: "*/*",
      "if-none-match": '"a"',
      "if-modified-since": EARLIER,
    });
  });
});
