import { describe, expect, it } from "vitest";
import { AddressList, isAllowed } from "../../../relay/inbound/source-acl.ts";

describe("AddressList", () => {
  it("has the addresses of its ranges, of the same family only", () => {
    const list = new AddressList(["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"]);
    expect(["10.1.2.3", "2001:db8::9", "192.0.2.1"].every((address) => list.has(address))).toBe(true);
    expect(["11.0.0.1", "::ffff:a00:1", "2001:db9::1", "no address"].some((text) => list.has(text))).toBe(
      false,
    );
  });

  it("has nobody when it is empty", () => expect(new AddressList([]).has("10.0.0.1")).toBe(false));
});

describe("isAllowed", () => {
  it("lets everybody in by an empty list, else only whom it has", () => {
    expect(isAllowed(new AddressList([]), "192.0.2.1")).toBe(true);
    expect(isAllowed(new AddressList(["192.0.2.0/24"]), "192.0.2.1")).toBe(true);
    expect(isAllowed(new AddressList(["192.0.2.0/24"]), "192.0.3.1")).toBe(false);
  });
});
