// Which parts of a provider's address are credentials, so that nothing that is shown to viewers (pictures, mostly) carries
// them along. Pure.

/** Names of query parameters that choose a format and are no secrets; any other is taken for one. */
const FORMATS: ReadonlySet<string> = new Set([
  "type",
  "output",
  "format",
  "ext",
  "action",
  "lang",
  "gzip",
  "zip",
]);
/** Shorter values are found everywhere: hiding each picture that has a "1" in its address helps nobody. */
const CHARS_MIN = 4;

/** User, password and query values of a provider's URLs. */
export function providerSecrets(...urls: readonly string[]): ReadonlySet<string> {
  const secrets = new Set<string>();
  for (const text of urls) {
    const url = URL.parse(text);
    if (url === null) continue;
    const values = [decoded(url.username), decoded(url.password)];
    for (const [name, value] of url.searchParams) if (!FORMATS.has(name.toLowerCase())) values.push(value);
    for (const value of values) if (value.length >= CHARS_MIN) secrets.add(value);
  }
  return secrets;
}

/** A picture's address as viewers may see it: an http: or https: URL without user, fragment and the provider's secrets. */
export function publicPicture(text: string | undefined, secrets: ReadonlySet<string>): string | undefined {
  if (text === undefined || text.length > 2_048) return undefined;
  const url = URL.parse(text.trim());
  if (url === null || !/^https?:$/.test(url.protocol) || url.username + url.password !== "") return undefined;
  url.hash = "";
  const shown = `${url.href} ${decoded(url.href)}`;
  for (const secret of secrets) if (shown.includes(secret)) return undefined;
  return url.href.length <= 2_048 ? url.href : undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
