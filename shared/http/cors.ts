// Cross-origin access (Fetch standard §3.2): which origins a host lets read its replies, and the fields that say so. Pure.

export interface CorsConfig {
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  readonly headers: readonly string[];
  readonly expose: readonly string[];
  readonly credentials: boolean;
  /** Milliseconds. */
  readonly max_age: number;
}

/** Fields that a host with rules of its own takes out of its upstreams' replies: two answers would be none. */
export const CORS_REPLY_FIELDS = [
  "access-control-allow-origin",
  "access-control-allow-credentials",
  "access-control-expose-headers",
  "access-control-allow-methods",
  "access-control-allow-headers",
  "access-control-max-age",
] as const;

type Fields = readonly (readonly [name: string, value: string])[];

export interface Cors {
  /** True where replies differ by Origin, and caches must know. */
  readonly varies: boolean;
  /** The fields of a reply for a page of `origin`; none where it may not read the reply. */
  replyFields(origin: string | null): Fields;
  /** The fields of the answer to a preflight. */
  preflightFields(origin: string): Fields;
}

export function compileCors(config: CorsConfig): Cors {
  const allows = originTest(config.origins);
  const varies = !config.origins.includes("*");
  const credentials: Fields = config.credentials ? [["access-control-allow-credentials", "true"]] : [];
  const exposed: Fields = listed("access-control-expose-headers", config.expose);
  const preflight: Fields = [
    ...listed("access-control-allow-methods", config.methods),
    ...listed("access-control-allow-headers", config.headers),
    ["access-control-max-age", String(Math.floor(config.max_age / 1_000))],
  ];
  function allowed(origin: string): Fields {
    return [["access-control-allow-origin", varies ? origin : "*"], ...credentials];
  }
  return {
    varies,
    replyFields: (origin) => (origin !== null && allows(origin) ? [...allowed(origin), ...exposed] : []),
    preflightFields: (origin) => (allows(origin) ? [...allowed(origin), ...preflight] : []),
  };
}

function listed(name: string, values: readonly string[]): Fields {
  return values.length === 0 ? [] : [[name, values.join(", ")]];
}

/** A configured origin as browsers spell it, with "*." kept; undefined for what none ever sends. */
export function canonicalOrigin(text: string): string | undefined {
  if (text === "*") return text;
  const [, scheme = "", wildcard = "", rest = ""] = /^(https?:\/\/)(\*\.)?(.*)$/i.exec(text) ?? [];
  const url = URL.parse(scheme + rest);
  return url ? url.origin.replace("://", `://${wildcard}`) : undefined;
}

/** "*" lets in what browsers call "null", too: pages in sandboxes and files. */
function originTest(configured: readonly string[]): (origin: string) => boolean {
  if (configured.includes("*")) return () => true;
  const origins = configured.map(canonicalOrigin).filter((origin) => origin !== undefined);
  const exact = new Set(origins.filter((origin) => !origin.includes("*")));
  const wildcards = origins.filter((origin) => origin.includes("*")).map((origin) => origin.split("*"));
  return (origin) =>
    exact.has(origin) ||
    wildcards.some(
      ([scheme = "", suffix = ""]) =>
        origin.startsWith(scheme) &&
        origin.endsWith(suffix) &&
        /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(origin.slice(scheme.length, -suffix.length)),
    );
}
