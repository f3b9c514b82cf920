// One temporary file of a slow reader's bytes: a ring, first in, first out, encrypted with a key that only memory has. The one
// place that owns descriptors. Calls of one kind must not overlap.

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import type { SpoolBudget } from "./budget.ts";

const CIPHER = "aes-256-ctr";
const KEY_BYTES = 32;
const BLOCK_BYTES = 16;

export interface SpoolFileOptions {
  readonly path: string;
  /** Bytes that it holds at most. */
  readonly size: number;
  /** What it takes of the disk is given back to; it was taken by who appends. */
  readonly budget: Pick<SpoolBudget, "giveBack">;
}

export class SpoolFile {
  readonly #handle: FileHandle;
  readonly #options: SpoolFileOptions;
  /** Set where the system keeps the name of an open file. */
  readonly #name: string | undefined;
  // Both go over every byte once, in order: no part of the key stream is ever used for two of them, however often the ring
  // has been filled.
  readonly #cipher;
  readonly #decipher;
  /** Bytes ever written and read; their places are these modulo the size. */
  #writtenTo = 0;
  #readTo = 0;
  #diskBytes = 0;

  /** @throws what the system says, when it cannot be made */
  static async open(options: SpoolFileOptions): Promise<SpoolFile> {
    const { O_RDWR, O_CREAT, O_EXCL } = constants;
    const handle = await open(options.path, O_RDWR | O_CREAT | O_EXCL, 0o600);
    // Without a name nothing is left behind, however the process ends. Where that cannot be, the name goes at the end.
    const isNameless = await unlink(options.path).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code === "ENOENT",
    );
    return new SpoolFile(handle, options, isNameless ? undefined : options.path);
  }

  private constructor(handle: FileHandle, options: SpoolFileOptions, name: string | undefined) {
    this.#handle = handle;
    this.#options = options;
    this.#name = name;
    const key = randomBytes(KEY_BYTES);
    const counter = Buffer.alloc(BLOCK_BYTES);
    this.#cipher = createCipheriv(CIPHER, key, counter);
    this.#decipher = createDecipheriv(CIPHER, key, counter);
    key.fill(0);
  }

  get held(): number {
    return this.#writtenTo - this.#readTo;
  }

  /** Bytes of disk that it takes more once `bytes` have been appended. */
  growthBy(bytes: number): number {
    return Math.max(0, Math.min(this.#options.size, this.#writtenTo + bytes) - this.#diskBytes);
  }

  /**
   * Appends bytes, of which there must be room. What it grows by has been taken from the budget.
   * @throws what the system says: the file is of no use any more then
   */
  async append(bytes: Uint8Array): Promise<void> {
    const { size } = this.#options;
    if (this.held + bytes.length > size) throw new RangeError("The spool file has no room");
    this.#diskBytes += this.growthBy(bytes.length);
    const sealed = this.#cipher.update(bytes);
    for (let at = 0; at < sealed.length; ) {
      const place = (this.#writtenTo + at) % size;
      const length = Math.min(sealed.length - at, size - place);
      const { bytesWritten } = await this.#handle.write(sealed, at, length, place);
      at += bytesWritten;
    }
    this.#writtenTo += sealed.length;
  }

  /**
   * Takes up to `max` of the oldest bytes out.
   * @throws what the system says: the file is of no use any more then
   */
  async take(max: number): Promise<Buffer> {
    const { size } = this.#options;
    const place = this.#readTo % size;
    const wanted = Math.min(max, this.held, size - place);
    const sealed = Buffer.allocUnsafe(wanted);
    let at = 0;
    while (at < wanted) {
      const { bytesRead } = await this.#handle.read(sealed, at, wanted - at, place + at);
      if (bytesRead === 0) throw new Error("The spool file is shorter than what was written to it");
      at += bytesRead;
    }
    this.#readTo += wanted;
    return this.#decipher.update(sealed);
  }

  /** Gives its room back. Must not be called while bytes are moved. */
  async close(): Promise<void> {
    this.#options.budget.giveBack(this.#diskBytes);
    this.#diskBytes = 0;
    await this.#handle.close().catch(() => undefined);
    if (this.#name !== undefined) await unlink(this.#name).catch(() => undefined);
  }
}
