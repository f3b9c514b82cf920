import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { localEnvironment, tokenVariables } from "../../../relay/serve/local-env.ts";
import { localSecrets } from "../../../relay/serve/secrets.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "causeway-secrets-"));
});

afterEach(() => rm(directory, { recursive: true }));

describe("localSecrets", () => {
  it("makes 32 random bytes each, once", async () => {
    const state = join(directory, "state");
    const first = await localSecrets(state, ["ADMIN_TOKEN", "ROOT_KEY"]);
    expect(Buffer.from(first.ROOT_KEY ?? "", "base64url")).toHaveLength(32);
    expect(first.ADMIN_TOKEN).not.toBe(first.ROOT_KEY);
    const again = await localSecrets(state, ["ROOT_KEY", "RELAY_TOKEN"]);
    expect(again.ROOT_KEY).toBe(first.ROOT_KEY);
    expect(await localSecrets(state, ["ADMIN_TOKEN", "ROOT_KEY"])).toEqual(first);
  });

  it("lets nobody else read them", async () => {
    const state = join(directory, "state");
    await localSecrets(state, ["ADMIN_TOKEN"]);
    expect((await stat(join(state, "secrets.json"))).mode & 0o777).toBe(0o600);
    expect((await stat(state)).mode & 0o777).toBe(0o700);
  });

  it("refuses a file that is damaged instead of replacing it", async () => {
    const path = join(directory, "secrets.json");
    for (const text of ["{", "[]", '{"ROOT_KEY": 5}']) {
      await writeFile(path, text);
      await expect(localSecrets(directory, ["ROOT_KEY"])).rejects.toThrow(/Cannot read .*secrets\.json/);
      expect(await readFile(path, "utf8")).toBe(text);
    }
  });
});

describe("localEnvironment", () => {
  it("adds tokens of the control link that are not set, and leaves the others", async () => {
    const path = join(directory, "causeway.toml");
    await writeFile(
      path,
      '[[relays]]\nname = "a"\ntoken = "env:A_TOKEN"\n[[relays]]\nname = "b"\ntoken = "env:B_TOKEN"\n',
    );
    const env = await localEnvironment(path, directory, { B_TOKEN: "given" });
    expect(env.B_TOKEN).toBe("given");
    expect(env.A_TOKEN).toMatch(/^[\w-]{43}$/);
    expect((await localEnvironment(path, directory, {})).A_TOKEN).toBe(env.A_TOKEN);
  });
});

describe("tokenVariables", () => {
  it("finds both ends of the link and of the ingress and what the edge hands out, and makes up no password", () => {
    const raw = {
      edge: { signing_keys: [{ id: "k1", key: "env:SIGNING_KEY" }] },
      viewers: [{ name: "guest", token: "env:GUEST_TOKEN" }, null],
      relays: [{ token: "env:RELAY_TOKEN", key: "env:INGRESS_KEY" }, { token: "sha256:00" }, "nonsense"],
      relay: {
        edge_token: "env:RELAY_TOKEN",
        users: [{ name: "u", password: "env:USER_PASSWORD" }],
        inbounds: [{ kind: "ingress", key: "env:INGRESS_KEY" }, { kind: "ingress", key: "env:OTHER_KEY" }, 5],
        outbounds: [{ kind: "socks", password: "env:PROXY_PASSWORD" }],
      },
    };
    expect(tokenVariables(raw)).toEqual([
      "RELAY_TOKEN",
      "INGRESS_KEY",
      "OTHER_KEY",
      "GUEST_TOKEN",
      "SIGNING_KEY",
    ]);
    for (const nothing of [undefined, null, 5, [], { relays: 5, relay: [] }]) {
      expect(tokenVariables(nothing)).toEqual([]);
    }
  });
});
