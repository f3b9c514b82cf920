// `causeway keygen`: makes keys and tokens. They are random bytes of the system's generator, printed in base64url, as the
// configuration takes them.

import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { type CommandIo, defineCommand, UsageError } from "./command.ts";

const TOKEN_BYTES = 32;
const X25519_BYTES = 32;
/** PKCS #8 before the 32 bytes of an X25519 private key (RFC 8410 section 7). */
const PKCS8_HEAD = Buffer.from("302e020100300506032b656e04220420", "hex");

const KINDS = ["x25519", "public", "token"] as const;

export const command = defineCommand({
  name: "keygen",
  summary: "Make a key pair, or a token",
  usage: "[options] [KIND]",
  details: [
    "KIND is one of:",
    "  x25519  a key pair for the UDP tunnel (the default): lines private_key and public_key",
    "  public  the public key of a private one, which is read from standard input",
    "  token   a random secret: for edge_token, admin_token, an ingress's key, ADMIN_TOKEN or ROOT_KEY",
    "With --out the secret goes to a file that only you can read, and nowhere else; the public key is printed. An",
    "existing file is never overwritten.",
  ].join("\n"),
  positionalsMax: 1,
  options: {
    out: {
      type: "string",
      short: "o",
      value: "FILE",
      doc: "Write the secret to this new file, with mode 0600.",
    },
  },
  async run({ options, positionals: [kind = "x25519"] }, io) {
    switch (kind) {
      case "x25519":
        return printPair(options.out, io);
      case "public":
        if (options.out !== undefined)
          throw new UsageError("A public key is no secret: --out does not go with it");
        io.out(publicKeyOf(await io.readSecret("Private key")));
        return 0;
      case "token":
        return printToken(options.out, io);
      default:
        throw new UsageError(`Cannot make "${kind}": want one of ${KINDS.join(", ")}`);
    }
  },
});

async function printPair(file: string | undefined, io: CommandIo): Promise<number> {
  const { privateKey } = generateKeyPairSync("x25519");
  const raw = privateKey.export({ format: "der", type: "pkcs8" }).subarray(PKCS8_HEAD.length);
  const secret = raw.toString("base64url");
  const publicKey = publicKeyOf(secret);
  if (file === undefined) io.out(`private_key = "${secret}"`);
  else await keep(file, secret);
  io.out(`public_key = "${publicKey}"`);
  return 0;
}

async function printToken(file: string | undefined, io: CommandIo): Promise<number> {
  const token = randomBytes(TOKEN_BYTES).toString("base64url");
  if (file === undefined) io.out(token);
  else await keep(file, token);
  return 0;
}

/** The public key of a private one. @throws {UsageError} when it is no private key; it is not repeated. */
export function publicKeyOf(secret: string): string {
  const text = secret.trim();
  const raw = Buffer.from(text, "base64url");
  if (raw.length !== X25519_BYTES || raw.toString("base64url") !== text)
    throw new UsageError("Cannot read the private key: expected 32 bytes in base64url, 43 characters");
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, raw]), format: "der", type: "pkcs8" });
  return createPublicKey(key)
    .export({ format: "der", type: "spki" })
    .subarray(-X25519_BYTES)
    .toString("base64url");
}

/** @throws {UsageError} when the file cannot be made */
async function keep(file: string, secret: string): Promise<void> {
  try {
    await writeFile(file, `${secret}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    const why = code === "EEXIST" ? "it exists already" : code;
    throw new UsageError(`Cannot write the secret to "${file}": ${why}`);
  }
}
