// What the Worker uses of node:crypto, which workerd has. Node's own types would bring all of Node's globals with them.

declare module "node:crypto" {
  interface Digest {
    update(data: string | Uint8Array): this;
    digest(encoding: "hex" | "base64"): string;
  }
  export function createHmac(algorithm: "sha256", key: Uint8Array): Digest;
  export function createHash(algorithm: "sha256"): Digest;
  export function scryptSync(
    password: string,
    salt: Uint8Array,
    length: number,
    options: { N: number; r: number; p: number; maxmem: number },
  ): Uint8Array;
}
