import { describe, expect, it } from "vitest";
import { relayedClose } from "../../../shared/net/close-code.ts";

describe("relayedClose", () => {
  it("hands a code and its reason on as they are", () => {
    for (const code of [1000, 1001, 1003, 1011, 1013, 3000, 4999])
      expect(relayedClose(code, "why", "client")).toEqual({ code, reason: "why" });
  });

  it("hands a close without code on without code", () => {
    expect(relayedClose(1005, "", "upstream")).toEqual({ reason: "" });
  });

  it("tells a broken client as 1001 and a broken upstream as 1011", () => {
    expect(relayedClose(1006, "", "client").code).toBe(1001);
    expect(relayedClose(1006, "", "upstream").code).toBe(1011);
  });

  it("never sends a code that may not stand on the wire", () => {
    for (const code of [0, 999, 1004, 1006, 1015, 5000])
      expect([1001, 1011]).toContain(relayedClose(code, "", "client").code);
  });
});
