// Plain passwords in a document that was not pushed by the CLI: the edge hashes them itself, within bounds.

import { describe, expect, it } from "vitest";
import type { HostConfig } from "../../../shared/config/schema.ts";
import { SIGN_IN_LIMITS } from "../../../shared/limits.ts";
import { checkPassword } from "../../../worker/access/passwords.ts";
import { directory } from "../../../worker/directory/client.ts";
import { testEnv } from "./fixture.ts";

const calls = directory(testEnv());

function documentWith(basic_auth: object[]): Record<string, unknown> {
  return { hosts: [{ host: "a.test", upstreams: ["http://127.0.0.1:1"], basic_auth }] };
}

async function storedUsers(): Promise<HostConfig["basic_auth"]> {
  return (await calls.index())?.index.hosts[0]?.basic_auth ?? [];
}

describe("directory put", () => {
  it("keeps a plain password as a hash only, the same one at each push", async () => {
    const raw = documentWith([{ user: "alice", password: "wonderland" }]);
    expect(await calls.put(raw)).toMatchObject({ ok: true });
    const [alice] = await storedUsers();
    const stored = alice?.password ?? "";
    expect(stored).toMatch(/^scrypt:15:8:3:/);
    const judge = (password: string) =>
      checkPassword({ user: "alice", password, stored }, stored, Date.now());
    expect([judge("wonderland"), judge("underland")]).toEqual(["right", "wrong"]);
    await calls.put(raw);
    expect(await storedUsers()).toEqual([alice]);
    const { document } = await calls.document();
    expect(JSON.stringify(document)).not.toContain("wonderland");
  });

  it("refuses more plain passwords than it may hash at once", async () => {
    const users = Array.from({ length: SIGN_IN_LIMITS.PLAIN_PASSWORDS_MAX + 1 }, (_, n) => ({
      user: `u${n}`,
      password: "plain",
    }));
    const result = await calls.put(documentWith(users));
    expect(result.ok ? [] : result.problems.map(({ path, value }) => [path, value])).toEqual(
      users.map((_, n) => [`hosts[0].basic_auth[${n}].password`, "***"]),
    );
  });

  it("refuses a hash that is too costly to check at the edge", async () => {
    const password = `scrypt:17:8:8:${"A".repeat(22)}:${"B".repeat(42)}A`;
    expect(await calls.put(documentWith([{ user: "alice", password }]))).toMatchObject({
      ok: false,
      problems: [{ path: "hosts[0].basic_auth[0].password" }],
    });
  });
});
