import { describe, expect, it } from "vitest";
import { isLogged, parseLogLevel } from "../../../relay/cli/log.ts";

describe("parseLogLevel", () => {
  it("takes the known levels and names them otherwise", () => {
    expect(parseLogLevel("warn")).toBe("warn");
    expect(() => parseLogLevel("loud")).toThrow(/"loud" for --log-level: want one of debug, info, warn/);
  });
});

describe("isLogged", () => {
  it("shows what is at least as grave as asked for, unknown levels as info", () => {
    expect(isLogged("error", "warn")).toBe(true);
    expect(isLogged("warning", "warn")).toBe(true);
    expect(isLogged("info", "warn")).toBe(false);
    expect(isLogged("log", "info")).toBe(true);
    expect(isLogged("log", "warn")).toBe(false);
    expect(isLogged("error", "silent")).toBe(false);
  });
});
