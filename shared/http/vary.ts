// The Vary field (RFC 9110 §12.5.5): what a reply depends on besides the URL. Pure.

/** Adds a field's name to what a reply varies by, once; "*" says it all. */
export function addVary(headers: Headers, name: string): void {
  const listed = (headers.get("vary") ?? "").split(",").map((entry) => entry.trim().toLowerCase());
  if (!listed.includes("*") && !listed.includes(name.toLowerCase())) headers.append("vary", name);
}
