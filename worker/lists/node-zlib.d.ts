// What the Worker uses of node:zlib, which workerd has. Node's own types would bring all of Node's globals with them.

declare module "node:zlib" {
  interface Gunzip extends AsyncIterable<Uint8Array> {
    readonly destroyed: boolean;
    /** `taken` is called when all that came of the chunk has been given out. */
    write(chunk: Uint8Array, taken: () => void): boolean;
    end(): void;
    destroy(error?: unknown): void;
  }
  export function createGunzip(options: { chunkSize: number }): Gunzip;
}
