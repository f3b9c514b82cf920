import { describe, expect, it } from "vitest";
import { isLoopbackHost } from "../../../shared/net/loopback.ts";

describe("isLoopbackHost", () => {
  it.each(["127.0.0.1", "127.255.255.254", "localhost", "LOCALHOST", "[::1]", "[0:0:0:0:0:0:0:1]"])(
    "knows %s",
    (host) => {
      expect(isLoopbackHost(host)).toBe(true);
    },
  );

  it.each([
    "",
    "0.0.0.0",
    "10.0.0.1",
    "127.0.0.1.evil.test",
    "a.localhost",
    "localhost.localdomain",
    "[::]",
    "[::2]",
    "[::ffff:10.0.0.1]",
    "[:::]",
    "::1",
  ])("does not trust %j", (host) => {
    expect(isLoopbackHost(host)).toBe(false);
  });
});
