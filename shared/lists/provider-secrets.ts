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
  if (shows(`${url.href} ${decoded(url.href)}`, secrets)) return undefined;
  return url.href.length <= 2_048 ? url.href : undefined;
}

/** Whether an address in the text carries one of the secrets: prose may have any word in it, a provider's user "test" as well. */
export function leaks(text: string, secrets: ReadonlySet<string>): boolean {
  if (secrets.size === 0) return false;
  return text
    .split(/[\s<>"']+/)
    .some((word) => isAddress(word) && shows(`${word} ${decoded(word)}`, secrets));
}

function isAddress(word: string): boolean {
  return word.includes("://") || word.includes("@") || (/[?&]/.test(word) && word.includes("="));
}

/** Whether one of the secrets stands in the text, other than within a longer word. */
function shows(text: string, secrets: ReadonlySet<string>): boolean {
  for (const secret of secrets)
    for (let at = text.indexOf(secret); at >= 0; at = text.indexOf(secret, at + 1))
      if (!isWordPart(text[at - 1]) && !isWordPart(text[at + secret.length])) return true;
  return false;
}

function isWordPart(character = ""): boolean {
  return /^[A-Za-z0-9]$/.test(character);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
