// The list of parameters.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  DEFAULT_PARAMETERS,
  decodeParameters,
  encodeParameters,
  PARAMETERS_BYTES_MAX,
} from "../../../../relay/udpack/crypto/params.ts";

const ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

const anyParameters = fc.record({
  maxDatagram: fc.integer({ min: 1_200, max: 65_535 }),
  maxData: fc.nat({ max: 2 ** 48 - 1 }),
  maxStreamData: fc.nat({ max: 2 ** 32 - 1 }),
  maxStreams: fc.nat({ max: 2 ** 32 - 1 }),
  idleTimeoutMs: fc.integer({ min: 1_000, max: 2 ** 32 - 1 }),
  receiveBuffer: fc.nat({ max: 2 ** 32 - 1 }),
  ackDelayMs: fc.nat({ max: 65_535 }),
});

describe("decodeParameters", () => {
  it("reads what encodeParameters wrote, at any place", () => {
    fc.assert(
      fc.property(anyParameters, fc.boolean(), fc.nat(20), (parameters, hasReplaces, offset) => {
        const list = encodeParameters(parameters, hasReplaces ? ID : undefined);
        expect(list.length).toBeLessThanOrEqual(PARAMETERS_BYTES_MAX);
        const bytes = Buffer.concat([new Uint8Array(offset).fill(7), list, new Uint8Array(30)]);
        const replaces = hasReplaces ? ID : undefined;
        expect(decodeParameters(bytes, offset)).toEqual({ parameters, replaces });
      }),
    );
  });

  it("takes defaults for what is missing, and skips what it does not know", () => {
    expect(decodeParameters(Uint8Array.of(), 0)?.parameters).toEqual(DEFAULT_PARAMETERS);
    const list = Uint8Array.of(200, 2, 9, 9, 4, 4, 0, 0, 0, 5, 0, 1);
    expect(decodeParameters(list, 0)?.parameters).toEqual({ ...DEFAULT_PARAMETERS, maxStreams: 5 });
  });

  it.each([
    ["a value that runs over", [1, 2, 5]],
    ["an id without a length", [1]],
    ["a value of the wrong length", [4, 3, 0, 0, 1, 0]],
    ["a datagram below 1,200 bytes", [1, 2, 4, 175, 0]],
    ["an idle time-out below a second", [5, 4, 0, 0, 3, 231, 0]],
    ["a connection id of seven bytes", [8, 7, 1, 2, 3, 4, 5, 6, 7, 0]],
    ["a parameter that comes twice", [7, 2, 0, 1, 7, 2, 0, 1, 0]],
  ])("refuses %s", (_name, list) => {
    expect(decodeParameters(Uint8Array.from(list), 0)).toBeUndefined();
  });

  it("never throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(70), (bytes, offset) => {
        decodeParameters(bytes, offset);
      }),
    );
  });
});

describe("encodeParameters", () => {
  it("refuses a value that does not fit, naming it", () => {
    const encode = (change: object) => () => encodeParameters({ ...DEFAULT_PARAMETERS, ...change });
    expect(encode({ maxStreams: 2 ** 32 })).toThrow(/"maxStreams"/);
    expect(encode({ maxDatagram: 1_199 })).toThrow(RangeError);
    expect(encode({ ackDelayMs: 1.5 })).toThrow(RangeError);
  });
});
