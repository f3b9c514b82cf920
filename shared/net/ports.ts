// Addresses as listeners and forwards name them: a host with a port or a range of ports. Pure.

/** Ports from `first` to `last`, both included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** A host with ports. */
export interface HostPorts extends PortRange {
  /** A name or a literal address, IPv6 without brackets. */
  readonly host: string;
}

/** Reads "4000" or "4000-4100": ports from 1 to 65535 in rising order; undefined for anything else. */
export function parsePortRange(text: string): PortRange | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = match[2] === undefined ? first : Number(match[2]);
  return first >= 1 && first <= last && last <= 65_535 ? { first, last } : undefined;
}

/** Reads "host:port", "[::1]:port" or either with a range of ports; undefined for anything else. Port 0 is no port here. */
export function parseHostPorts(text: string): HostPorts | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([^:[\]\s/?#@]{1,255})):([\d-]{1,11})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const ports = parsePortRange(match?.[3] ?? "");
  return host === undefined || ports === undefined ? undefined : { host, ...ports };
}

/** How many ports a range has. */
export function portCount({ first, last }: PortRange): number {
  return last - first + 1;
}
