// A download through the relay by SOCKS5, counting what the target sent.

import { openSocks } from "../support/tunnel.ts";

export interface SocksDownload {
  readonly proxyPort: number;
  /** An http URL of this machine. */
  readonly origin: string;
  readonly path: string;
}

/**
 * Resolves to the bytes received from the target, headers included, once it has closed the connection.
 * @throws when the proxy refuses.
 */
export async function downloadOverSocks({ proxyPort, origin, path }: SocksDownload): Promise<number> {
  const { host, port } = new URL(origin);
  const socket = await openSocks(proxyPort, Number(port));
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  let received = 0;
  for await (const chunk of socket) received += (chunk as Buffer).length;
  return received;
}
