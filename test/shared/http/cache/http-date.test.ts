import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseHttpDate } from "../../../../shared/http/cache/http-date.ts";

const NOW = Date.UTC(2026, 10, 21);
const EXAMPLE = Date.UTC(1994, 10, 6, 8, 49, 37);

describe("parseHttpDate", () => {
  it.each(["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])(
    "reads %s",
    (text) => expect(parseHttpDate(text, NOW)).toBe(EXAMPLE),
  );

  it.each([
    "0",
    "-1",
    "",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun, 06 NOV 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 31 Feb 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
  ])("takes %j for no date", (text) => expect(parseHttpDate(text, NOW)).toBeUndefined());

  it("takes a two-digit year more than 50 years ahead for the last century's", () => {
    expect(parseHttpDate("Thursday, 18-Aug-50 02:01:18 GMT", NOW)).toBe(Date.UTC(2050, 7, 18, 2, 1, 18));
    expect(parseHttpDate("Thursday, 18-Aug-94 02:01:18 GMT", NOW)).toBe(Date.UTC(1994, 7, 18, 2, 1, 18));
  });

  it("reads every date that is written as HTTP writes it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_102_444_800 }), (seconds) => {
        expect(parseHttpDate(new Date(seconds * 1_000).toUTCString(), NOW)).toBe(seconds * 1_000);
      }),
    );
  });

  it("never throws", () => {
    fc.assert(fc.property(fc.string(), (text) => void parseHttpDate(text, NOW)));
  });
});
