// Whether a host is this machine and nothing else, for what is allowed on loopback only: listeners without authentication,
// secrets over plain connections. Stricter than `classifyHost`, which refuses: what it merely suspects is not trusted here.

/** `host`: a name or literal address, IPv6 in brackets. Any name but localhost may lead elsewhere, so it does not count. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase();
  if (name === "localhost" || /^127(?:\.\d{1,3}){3}$/.test(name)) return true;
  if (!/^\[[0-9a-f:.]+\]$/.test(name) || !URL.canParse(`http://${name}`)) return false;
  return new URL(`http://${name}`).hostname === "[::1]";
}

/** The same of `host:port`, as listeners and URLs write it. */
export function isLoopbackAuthority(hostAndPort: string): boolean {
  return isLoopbackHost(hostAndPort.replace(/:\d*$/, ""));
}
