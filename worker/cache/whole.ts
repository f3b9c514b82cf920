// Whether what the platform's cache holds is whole. A source that breaks off while it is stored does not make `put` fail
// everywhere: Miniflare keeps what has come by then (measured), and would serve it as if it were all.

/** True if all `length` bytes are there; else the entry is removed. Asks for the last byte alone. */
export async function isStoredWhole(cache: Cache, address: string, length: number): Promise<boolean> {
  const headers = { Range: `bytes=${length - 1}-${length - 1}` };
  const end = await cache.match(new Request(address, { headers }));
  const last = await end?.arrayBuffer();
  const isWhole = end?.status === 206 && last?.byteLength === 1;
  if (!isWhole) await cache.delete(address);
  return isWhole;
}
