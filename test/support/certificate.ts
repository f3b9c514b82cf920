// A self-signed certificate for 127.0.0.1 and localhost, made anew in each run: no key lies in the repository. X.509 in DER,
// written by hand (RFC 5280 section 4.1).

import { generateKeyPairSync, sign } from "node:crypto";

export interface Certificate {
  /** PEM. */
  readonly key: string;
  readonly cert: string;
}

const TAG = {
  INTEGER: 2,
  BIT_STRING: 3,
  OCTET_STRING: 4,
  OID: 6,
  UTF8: 12,
  TIME: 23,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, ...lengthOf(body)]), body]);
}

/** The shortest form, as browsers insist. */
function lengthOf({ length }: Uint8Array): number[] {
  if (length < 128) return [length];
  return length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}

const sequence = (...parts: Uint8Array[]): Buffer => der(TAG.SEQUENCE, ...parts);
const hex = (text: string): Buffer => Buffer.from(text, "hex");

/** YYMMDDhhmmssZ */
function time(ms: number): Buffer {
  return der(TAG.TIME, Buffer.from(`${new Date(ms).toISOString().replace(/[-:T]/g, "").slice(2, 14)}Z`));
}

/** Valid for an hour from now. */
export function selfSigned(): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const ecdsaWithSha256 = sequence(der(TAG.OID, hex("2a8648ce3d040302")));
  const commonName = sequence(der(TAG.OID, hex("550403")), der(TAG.UTF8, Buffer.from("localhost")));
  const name = sequence(der(TAG.SET, commonName));
  const alternatives = sequence(der(0x82, Buffer.from("localhost")), der(0x87, Buffer.from([127, 0, 0, 1])));
  const extension = sequence(der(TAG.OID, hex("551d11")), der(TAG.OCTET_STRING, alternatives));
  const now = Date.now();
  const body = sequence(
    der(0xa0, der(TAG.INTEGER, Buffer.from([2]))),
    der(TAG.INTEGER, Buffer.from([1])),
    ecdsaWithSha256,
    name,
    sequence(time(now - 60_000), time(now + 3_600_000)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(extension)),
  );
  const signature = der(TAG.BIT_STRING, Buffer.from([0]), sign("sha256", body, privateKey));
  const text = sequence(body, ecdsaWithSha256, signature)
    .toString("base64")
    .replace(/(.{64})/g, "$1\n");
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`,
  };
}
