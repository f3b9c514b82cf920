import { describe, expect, it } from "vitest";
import { byIdHash, encodeIds, IdSet } from "../../../shared/lists/id-set.ts";

describe("IdSet", () => {
  const records = Array.from({ length: 1_000 }, (_, n) => ({ id: `ch_p_${n}`, revision: n })).sort(byIdHash);
  const set = IdSet.decode(encodeIds(records));

  it("finds every id with its place and revision, and no other", () => {
    expect(set.size).toBe(1_000);
    for (const [place, { id, revision }] of records.entries())
      expect(set.find(id)).toEqual({ place, revision });
    for (let n = 1_000; n < 2_000; n++) expect(set.find(`ch_p_${n}`)).toBeUndefined();
  });

  it("costs eight bytes a channel", () => {
    expect(encodeIds(records).byteLength).toBe(8_000);
  });

  it("takes any bytes", () => {
    expect(IdSet.decode(new Uint8Array(7)).size).toBe(0);
    expect(IdSet.decode(encodeIds(records).subarray(8, 8_000)).size).toBe(999);
    expect(IdSet.decode(new Uint8Array(0)).find("x")).toBeUndefined();
  });
});
