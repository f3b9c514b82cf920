import { describe, expect, it } from "vitest";
import { createSealer } from "../../../shared/hls/seal.ts";

const KEY = new Uint8Array(32).fill(7);

describe("createSealer", () => {
  it("opens what it sealed, in any isolate with the same key", async () => {
    const sealed = await (await createSealer(KEY)).seal("p", "https://ö.example/");
    expect(await (await createSealer(KEY)).open("p", sealed)).toBe("https://ö.example/");
  });

  it("seals the same text to the same address and shows nothing of it", async () => {
    const sealer = await createSealer(KEY);
    const sealed = await sealer.seal("p", "text");
    expect(await sealer.seal("p", "text")).toBe(sealed);
    expect(await sealer.seal("p", "texu")).not.toContain(sealed.slice(0, 8));
    expect(atob(sealed.replaceAll("-", "+").replaceAll("_", "/"))).not.toContain("text");
  });

  it("does not open another purpose's, another key's, cut or changed texts", async () => {
    const sealer = await createSealer(KEY);
    const sealed = await sealer.seal("p", "text");
    expect(await sealer.open("q", sealed)).toBeUndefined();
    expect(await (await createSealer(new Uint8Array(32).fill(8))).open("p", sealed)).toBeUndefined();
    expect(await sealer.open("p", sealed.slice(0, -2))).toBeUndefined();
    for (let i = 0; i < sealed.length - 1; i++) {
      const changed = sealed.slice(0, i) + (sealed[i] === "A" ? "B" : "A") + sealed.slice(i + 1);
      expect(await sealer.open("p", changed)).toBeUndefined();
    }
    for (const junk of ["", "A", "!!!!", "AAAA"]) expect(await sealer.open("p", junk)).toBeUndefined();
  });
});
