// Makes shared/packet/packet.js of packet.proto; `node test/support/packet-codec.ts` writes it. A test holds that the one in
// the tree is current.

import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const FOLDER = join(import.meta.dirname, "..", "..", "shared", "packet");
const PBJS = join(import.meta.dirname, "..", "..", "node_modules", "protobufjs-cli", "bin", "pbjs");

export const CODEC_PATH = join(FOLDER, "packet.js");

const HEADER = [
  "// Generated of packet.proto by `node test/support/packet-codec.ts`: change that file, not this one.",
  "// biome-ignore-all lint: generated",
  "// biome-ignore-all format: generated",
  "// biome-ignore-all assist: generated",
  "",
].join("\n");

const OPTIONS = [
  ...["--target", "static-module", "--wrap", "esm", "--keep-case", "--force-number"],
  ...["create", "verify", "convert", "delimited", "service", "typeurl", "comments"].map((no) => `--no-${no}`),
];

/** The codec's source as pbjs writes it now. */
export async function generateCodec(): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    PBJS,
    ...OPTIONS,
    join(FOLDER, "packet.proto"),
  ]);
  return HEADER + stdout;
}

if (import.meta.main) await writeFile(CODEC_PATH, await generateCodec());
