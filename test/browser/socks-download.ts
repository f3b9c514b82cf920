// A download through a SOCKS5 proxy, in as few lines as RFC 1928 allows, counting what the target sent.

import { once } from "node:events";
import { connect } from "node:net";

export interface SocksDownload {
  readonly proxyPort: number;
  /** An http URL whose host is an IPv4 literal. */
  readonly origin: string;
  readonly path: string;
}

/**
 * Resolves to the bytes received from the target, headers included, once it has closed the connection.
 * @throws when the proxy refuses.
 */
export async function downloadOverSocks({ proxyPort, origin, path }: SocksDownload): Promise<number> {
  const { host, hostname, port } = new URL(origin);
  const socket = connect(proxyPort, "127.0.0.1");
  const answer = async (): Promise<number | undefined> => ((await once(socket, "data")) as [Buffer])[0][1];
  socket.write(Uint8Array.of(5, 1, 0));
  if ((await answer()) !== 0) throw new Error("Cannot download: the proxy wants credentials");
  socket.write(
    Uint8Array.of(5, 1, 0, 1, ...hostname.split(".").map(Number), Number(port) >> 8, Number(port) & 255),
  );
  const reply = await answer();
  if (reply !== 0) throw new Error(`Cannot download: the proxy answered ${reply}`);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  let received = 0;
  for await (const chunk of socket) received += (chunk as Buffer).length;
  return received;
}
