// Listening with an error that says what to do: which port is taken and by which setting it can be moved.

import { createServer, type Server } from "node:net";
import { formatAuthority } from "../../shared/net/address.ts";

export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** The option or configuration key that chooses the port, for the error. */
  readonly setting: string;
  /** Whether other threads listen on the same port (SO_REUSEPORT): the system spreads connections over them. */
  readonly reusePort?: boolean | undefined;
}

/** Something else listens on the port. */
export class PortTakenError extends Error {
  readonly port: number;
  readonly setting: string;

  constructor({ host, port, setting }: ListenOptions, options?: ErrorOptions) {
    super(
      `Cannot listen on ${formatAuthority(host, port)}: the port is taken, choose another with ${setting}`,
      options,
    );
    this.name = "PortTakenError";
    this.port = port;
    this.setting = setting;
  }
}

/** As of an address that is not this machine's, or a port that needs privileges. */
function refused({ host, port, setting }: ListenOptions, cause: NodeJS.ErrnoException): Error {
  return new Error(`Cannot listen on ${formatAuthority(host, port)}, as ${setting} says: ${cause.code}`, {
    cause,
  });
}

/**
 * Resolves, to where it is, once the server listens.
 * @throws {PortTakenError} when the port is taken; an Error that names the setting when the system refuses otherwise.
 */
export function listen(server: Server, options: ListenOptions): Promise<{ address: string; port: number }> {
  return new Promise((resolve, reject) => {
    function onError(error: NodeJS.ErrnoException): void {
      reject(
        error.code === "EADDRINUSE" ? new PortTakenError(options, { cause: error }) : refused(options, error),
      );
    }
    server.once("error", onError);
    const { host, port, reusePort = false } = options;
    server.listen({ host, port, exclusive: true, reusePort }, () => {
      server.off("error", onError);
      const bound = server.address();
      resolve(typeof bound === "object" && bound !== null ? bound : { address: host, port });
    });
  });
}

/** The part of a net.Server that Node does not document: the socket it listens by. */
interface HandleOwner {
  _handle: object | null;
}

/**
 * Has `to` listen by the very socket that `from` listens by, with all that wait there to be accepted; `from` accepts no more.
 * Resolves to where that is.
 */
export function moveListener(from: Server, to: Server): Promise<{ address: string; port: number }> {
  const bound = from.address();
  return new Promise((resolve, reject) => {
    to.once("error", reject);
    to.listen(from, () => {
      to.off("error", reject);
      if (typeof bound === "object" && bound !== null) resolve(bound);
      else reject(new Error("Cannot take a listener over: it does not listen"));
    });
    // It must not close what is not its own any more.
    (from as unknown as HandleOwner)._handle = null;
  });
}

/** Whether several threads may listen on one port here. */
export async function sharesPorts(): Promise<boolean> {
  const servers = [createServer(), createServer()];
  let port = 0;
  try {
    // An older Node does not know the option: only the second one shows.
    for (const server of servers)
      port = (await listen(server, { host: "127.0.0.1", port, setting: "port", reusePort: true })).port;
    return true;
  } catch {
    return false;
  } finally {
    for (const server of servers) server.close();
  }
}

/**
 * Finds out whether a port is free by taking it for a moment; resolves to the port, a free one for 0.
 * For listeners of other processes, which report a taken port badly.
 * @throws {PortTakenError} when the port is taken.
 */
export async function claimPort(options: ListenOptions): Promise<number> {
  const server = createServer();
  const { port } = await listen(server, options);
  await new Promise((resolve) => server.close(resolve));
  return port;
}
