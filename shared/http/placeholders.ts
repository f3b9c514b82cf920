// Values of configured header fields with placeholders: taken apart once per configuration, filled in per request. What is
// filled in can neither end a field nor begin another one. Pure.

export const PLACEHOLDERS = [
  "client_ip",
  "host",
  "scheme",
  "path",
  "request_id",
  "country",
  "user",
  "upstream",
] as const;

export type Placeholder = (typeof PLACEHOLDERS)[number];

/** Texts and placeholders in turn; a template without placeholders is its text. */
export type Template = string | readonly (string | { readonly name: Placeholder })[];

function isPlaceholder(name: string): name is Placeholder {
  return (PLACEHOLDERS as readonly string[]).includes(name);
}

/** Takes a value apart. "{{" stands for "{"; braces around anything but a known name stay as they are. */
export function compileTemplate(text: string): Template {
  const parts: (string | { name: Placeholder })[] = [];
  let plain = "";
  let from = 0;
  for (const match of text.matchAll(/\{\{|\{([a-z_]+)\}/g)) {
    const name = match[1];
    if (name !== undefined && !isPlaceholder(name)) continue;
    plain += text.slice(from, match.index);
    from = match.index + match[0].length;
    if (name === undefined) plain += "{";
    else {
      parts.push(plain, { name });
      plain = "";
    }
  }
  plain += text.slice(from);
  return parts.length === 0 ? plain : [...parts, plain].filter((part) => part !== "");
}

/** Words in braces that are no placeholders, as they stand in the text: most likely mistyped. */
export function unknownPlaceholders(text: string): string[] {
  return [...text.matchAll(/\{\{|\{([a-z_]+)\}/g)].flatMap(([, name]) =>
    name === undefined || isPlaceholder(name) ? [] : [name],
  );
}

/** The value with what `lookUp` knows. */
export function fillTemplate(template: Template, lookUp: (name: Placeholder) => string): string {
  if (typeof template === "string") return template;
  let text = "";
  for (const part of template) text += typeof part === "string" ? part : headerText(lookUp(part.name));
  return text;
}

/**
 * A text that can stand in a field: anything but printable ASCII becomes "?". Not left out, or two names that differ in it
 * would become one.
 */
function headerText(value: string): string {
  return /^[ -~]*$/.test(value) ? value : value.replace(/[^ -~]/gu, "?");
}
