import { describe, expect, it } from "vitest";
import { loadConfigFile } from "../../relay/config-file.ts";
import { withFile } from "./cli/support.ts";

const FILE = `
[[relays]]
name = "main"
token = "env:EDGE_ONLY"
[relay]
edge = "ws://127.0.0.1:8787"
edge_token = "env:RELAY_TOKEN"
`;

describe("loadConfigFile", () => {
  it("resolves the relay's own secrets and leaves the edge's as they stand", async () => {
    const env = { RELAY_TOKEN: "relay-token-0123456789" };
    const result = await withFile(FILE, (path) => loadConfigFile(path, env));
    expect(result).toMatchObject({
      ok: true,
      config: { relay: { edge_token: "relay-token-0123456789" }, relays: [{ token: "env:EDGE_ONLY" }] },
      raw: { relay: { edge_token: "env:RELAY_TOKEN" } },
    });
  });

  it("takes no other bytes than UTF-8, whose names would silently become others", async () => {
    const latin = Buffer.from(
      '[[hosts]]\nhost = "b\xfccher.test"\nupstreams = ["http://127.0.0.1:1"]\n',
      "latin1",
    );
    const wrong = await withFile(latin, (path) => loadConfigFile(path, {}));
    expect(wrong.ok ? [] : wrong.lines).toEqual([expect.stringMatching(/causeway\.toml: .*not UTF-8 text$/)]);
    const marked = await withFile(`\ufeff${FILE}`, (path) =>
      loadConfigFile(path, { RELAY_TOKEN: "t".repeat(16) }),
    );
    expect(marked.ok).toBe(true);
  });

  it("names a variable that the relay needs and does not find, or that holds no legal value", async () => {
    const missing = await withFile(FILE, (path) => loadConfigFile(path, {}));
    expect(missing.ok ? [] : missing.lines[1]).toBe(
      '  relay.edge_token: "env:RELAY_TOKEN": expected a variable that is set',
    );
    const illegal = await withFile(FILE, (path) => loadConfigFile(path, { RELAY_TOKEN: "hunter2" }));
    expect(illegal.ok ? "" : illegal.lines.join("\n")).toContain("a variable that holds");
    expect(JSON.stringify(illegal)).not.toContain("hunter2");
  });
});
