// The Authorization field that a URL's user and password make (RFC 7617). Pure.

/** As a browser would send it: the decoded parts in UTF-8. A part that is no percent-encoding counts as it stands. */
export function basicCredentials({ username, password }: Pick<URL, "username" | "password">): string {
  const text = `${decoded(username)}:${decoded(password)}`;
  return `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(text)))}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
