import { describe, expect, it } from "vitest";
import { verifyPassword } from "../../../relay/password.ts";
import { parseConfig } from "../../../shared/config/parse.ts";
import { run } from "./support.ts";

describe("causeway hash", () => {
  it("prints a hash that the schema takes and the relay verifies; the line end is no part of the password", async () => {
    const { code, out } = await run(["hash"], { input: "correct horse\n" });
    expect(code).toBe(0);
    expect(parseConfig({ relay: { users: [{ name: "alice", password: out }] } }).ok).toBe(true);
    expect(await verifyPassword("correct horse", out)).toBe(true);
    expect(await verifyPassword("correct horse\n", out)).toBe(false);
  });

  it.each([
    ["an empty password", "\n"],
    ["two lines", "one\ntwo\n"],
    ["more than 255 bytes", "ä".repeat(128)],
  ])("refuses %s with exit code 2", async (_, input) => {
    const { code, err, out } = await run(["hash"], { input });
    expect(code).toBe(2);
    expect(out).toBe("");
    expect(err).toContain("expected one line of 1 to 255 bytes");
  });

  it("takes no password from the command line", async () => {
    expect((await run(["hash", "hunter2"])).code).toBe(2);
  });
});
