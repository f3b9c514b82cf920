import { describe, expect, it } from "vitest";
import { run, withFile } from "./support.ts";

const RELAY = `
[relay]
edge = "ws://127.0.0.1:1"
edge_token = "env:A_TOKEN"
[[relay.inbounds]]
kind = "mixed"
listen = "127.0.0.1:1"
`;
const env = { A_TOKEN: "0123456789abcdef" };

describe("causeway relay --check", () => {
  it("takes a file that a relay would start with, and listens nowhere", async () => {
    // Port 1 may be listened at by nobody but root, and the edge is not there: neither is tried.
    await withFile(RELAY, async (path) => {
      const { code, out } = await run(["relay", "--check", "-c", path], { env });
      expect([code, out]).toEqual([0, `${path} is valid: 1 inbound, 0 users, 0 outbounds, 0 rules`]);
    });
  });

  it.each([
    ["a secret that is not set", RELAY, {}, "relay.edge_token"],
    ["a secret that is none", RELAY, { A_TOKEN: "short" }, "relay.edge_token"],
    ["a key that does not exist", `${RELAY}\nnonsense = 1\n`, env, "nonsense"],
    ["no [relay]", "", env, "[relay]"],
  ])("refuses %s with exit code 2", async (_, text, given, said) => {
    await withFile(text, async (path) => {
      const { code, err, out } = await run(["relay", "--check", "-c", path], {
        env: given as Record<string, string>,
      });
      expect([code, out]).toEqual([2, ""]);
      expect(err).toContain(said);
      expect(err).not.toContain("short");
    });
  });

  it("warns of a relay that nobody can reach", async () => {
    await withFile("[relay]\n", async (path) => {
      const { code, err } = await run(["relay", "--check", "-c", path]);
      expect([code, err]).toEqual([0, `${path}: relay.inbounds is empty: nobody can connect`]);
    });
  });
});
