import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../shared/config/parse.ts";

const SECRET = "a-secret-of-these-tests";

function problems(raw: object): string[] {
  const result = parseConfig(raw);
  return result.ok ? [] : result.problems.map(({ path, value }) => `${path} ${value}`);
}

describe("checkViewers", () => {
  it("tells viewers apart by name and by secret, and shows no secret", () => {
    const viewers = [
      { name: "a", token: SECRET },
      { name: "a", token: "another-secret-of-these" },
      { name: "b", token: SECRET },
    ];
    expect(problems({ viewers })).toEqual(['viewers[1].name "a"', "viewers[2].token ***"]);
  });

  it("takes no secret that means something else in a path", () => {
    for (const token of [
      "with/a/slash-in-the-middle",
      "with.a.dot-in-the-middle",
      "tooshort",
      "percent%20percent%20",
    ])
      expect(problems({ viewers: [{ name: "a", token }] })).toEqual(["viewers[0].token ***"]);
  });

  it("tells signing keys apart by id", () => {
    const key = (id: string) => ({ id, key: SECRET });
    expect(problems({ edge: { signing_keys: [key("k1"), key("k2")] } })).toEqual([]);
    expect(problems({ edge: { signing_keys: [key("k1"), key("k1")] } })).toEqual([
      'edge.signing_keys[1].id "k1"',
    ]);
  });
});
