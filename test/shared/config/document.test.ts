import { describe, expect, it } from "vitest";
import {
  type EdgeDocumentOptions,
  indexOf,
  maskDocument,
  toEdgeDocument,
} from "../../../shared/config/document.ts";
import { parseConfig } from "../../../shared/config/parse.ts";

const RAW = {
  edge: { tokens: [{ name: "wall", role: "viewer", token: "env:WALL_TOKEN" }] },
  hosts: [{ host: "a.test", upstreams: ["http://127.0.0.1:1"], max_body: "1KiB" }],
  channels: [
    { id: "ch_1", name: "One", sources: ["https://o.test/i.m3u8?pw=1"], headers: { Cookie: "env:COOKIE" } },
  ],
  relays: [{ name: "main", token: "relay-token-0123456789" }],
  relay: { edge_token: "env:ANOTHER" },
};
const ENV: Record<string, string> = { WALL_TOKEN: "wall-token-0123456789", COOKIE: "sid=1" };

const HASH = `scrypt:15:8:3:${"A".repeat(22)}:${"B".repeat(43)}`;

const OPTIONS: EdgeDocumentOptions = {
  hashPassword: async () => HASH,
  resolveEnv: (name) => ENV[name],
  sealSecret: (text) => Promise.resolve(`sealed:${Buffer.from(text.padEnd(40)).toString("base64url")}`),
  tokenVerifier: (token) =>
    Promise.resolve(`sha256:${Buffer.from(token).toString("hex").padEnd(64, "0").slice(0, 64)}`),
};

describe("toEdgeDocument", () => {
  it("leaves [relay] out, makes tokens verifiers and seals everything else that is secret", async () => {
    const result = await toEdgeDocument(RAW, OPTIONS);
    const document = result.ok ? result.document : {};
    expect(document).not.toHaveProperty("relay");
    expect(document).toMatchObject({
      edge: { tokens: [{ name: "wall", token: expect.stringMatching(/^sha256:/) }] },
      hosts: RAW.hosts,
      channels: [
        {
          name: "One",
          sources: [expect.stringMatching(/^sealed:/)],
          headers: { Cookie: expect.stringMatching(/^sealed:/) },
        },
      ],
      relays: [{ token: expect.stringMatching(/^sha256:/) }],
    });
    expect(parseConfig(document).ok).toBe(true);
  });

  it("changes nothing the second time", async () => {
    const once = await toEdgeDocument(RAW, OPTIONS);
    if (!once.ok) throw new Error("the document was refused");
    expect(await toEdgeDocument(once.document, OPTIONS)).toEqual(once);
  });

  it("reports every variable that is missing or holds something illegal, without its value", async () => {
    const result = await toEdgeDocument(RAW, {
      ...OPTIONS,
      resolveEnv: (name) => (name === "WALL_TOKEN" ? "short" : undefined),
    });
    expect(result).toEqual({
      ok: false,
      problems: [
        {
          path: "edge.tokens[0].token",
          value: '"env:WALL_TOKEN"',
          legal: expect.stringContaining("a variable that holds"),
        },
        { path: "channels[0].headers.Cookie", value: '"env:COOKIE"', legal: "a variable that is set" },
      ],
    });
  });

  it("hashes plain passwords by whose they are, and leaves hashes as they came", async () => {
    const places: string[] = [];
    const users = [
      { user: "a", password: "plain" },
      { user: "b", password: HASH },
    ];
    const hosts = [{ host: "a.test", upstreams: ["http://127.0.0.1:1"], basic_auth: users }];
    const options = {
      ...OPTIONS,
      async hashPassword(password: string, place: string) {
        places.push(`${password} ${place}`);
        return HASH;
      },
    };
    const result = await toEdgeDocument({ hosts }, options);
    expect(result).toMatchObject({
      ok: true,
      document: { hosts: [{ basic_auth: [{ password: HASH }, { password: HASH }] }] },
    });
    expect(places).toHaveLength(1);
    await toEdgeDocument({ hosts: [{ ...hosts[0], host: "b.test" }, ...hosts] }, options);
    expect(places[2]).toBe(places[0]);
    expect(places[1]).not.toBe(places[0]);
  });

  it("says that a password is one too many to be hashed", async () => {
    const hosts = [{ host: "a.test", basic_auth: [{ user: "a", password: "plain" }] }];
    const result = await toEdgeDocument({ hosts }, { ...OPTIONS, hashPassword: async () => undefined });
    expect(result).toEqual({
      ok: false,
      problems: [
        {
          path: "hosts[0].basic_auth[0].password",
          value: "***",
          legal: expect.stringContaining("causeway hash"),
        },
      ],
    });
  });

  it("does not follow a reference to a reference", async () => {
    const result = await toEdgeDocument(RAW, { ...OPTIONS, resolveEnv: () => "env:HOME" });
    expect(result.ok).toBe(false);
  });
});

describe("maskDocument", () => {
  it("masks every secret in whatever form, and nothing else", async () => {
    expect(await maskDocument(RAW)).toEqual({
      ...RAW,
      edge: { tokens: [{ name: "wall", role: "viewer", token: "***" }] },
      channels: [{ id: "ch_1", name: "One", sources: ["***"], headers: { Cookie: "***" } }],
      relays: [{ name: "main", token: "***" }],
      relay: { edge_token: "***" },
    });
  });
});

describe("indexOf", () => {
  it("holds channels as summaries and the rest in full", () => {
    const parsed = parseConfig(RAW);
    if (!parsed.ok) throw new Error("the document was refused");
    const index = indexOf(parsed.config);
    expect(index.channels).toEqual([{ id: "ch_1", name: "One", group: "", tvg_id: "" }]);
    expect(index.hosts[0]).toMatchObject({ host: "a.test", max_body: 1_024 });
    expect(JSON.stringify(index)).not.toContain("o.test");
  });
});
