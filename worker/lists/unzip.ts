/// <reference path="./node-zlib.d.ts" />
// Takes text out of gzip, a piece at a time and only while somebody reads: the platform's DecompressionStream unpacks all that
// it is given at once, and 1 MB can become 1 GB. Knows nothing of what is in it.

import { createGunzip, type Gunzip } from "node:zlib";

/** Bytes of one piece: each is a hand-over to its reader. */
const PIECE_BYTES = 64 * 1024;

/**
 * What is packed in `chunks`; they are asked for as they are needed, and given up with the reader.
 * @throws what `chunks` throw, and for bytes that are no gzip
 */
export async function* unzipped(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, undefined> {
  const gunzip = createGunzip({ chunkSize: PIECE_BYTES });
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  const fed = feed(gunzip, chunks, over);
  try {
    for await (const piece of gunzip) yield piece;
    await fed;
    return undefined;
  } finally {
    gunzip.destroy();
    end();
  }
}

/** Never rejects: a failure shows at the reader. */
async function feed(gunzip: Gunzip, chunks: AsyncIterable<Uint8Array>, over: Promise<void>): Promise<void> {
  try {
    for await (const chunk of chunks) {
      const { promise: taken, resolve } = Promise.withResolvers<void>();
      gunzip.write(chunk, resolve);
      await Promise.race([taken, over]);
      if (gunzip.destroyed) return;
    }
    gunzip.end();
  } catch (error) {
    gunzip.destroy(error);
  }
}
