import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seenAddress } from "../../../relay/control/seen-address.ts";

describe("seenAddress", () => {
  it.each([
    ["198.51.100.7\n", "198.51.100.7"],
    ["2001:DB8::1", "2001:db8::1"],
    ["::ffff:198.51.100.7", "198.51.100.7"],
    ["fl=1\nh=x\nip=198.51.100.7\nts=1\n", "198.51.100.7"],
    ['{"ip":"198.51.100.7"}', "198.51.100.7"],
    ['{"origin": "198.51.100.7", "url": "x"}', "198.51.100.7"],
  ])("reads %j", (body, address) => {
    expect(seenAddress(body)).toBe(address);
  });

  it.each(["", "<html>198.51.100.7</html>", "{", "null", "[]", '{"ip": 7}', '{"ip": "x"}', "ip=x"])(
    "reads no address from %j",
    (body) => {
      expect(seenAddress(body)).toBeUndefined();
    },
  );

  it("never throws", () => {
    fc.assert(fc.property(fc.string(), (body) => void seenAddress(`{${body}`)));
  });
});
