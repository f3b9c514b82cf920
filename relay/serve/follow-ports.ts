// Lets a configuration written for the default ports run on others: what names the demo origin's or the edge's
// default address follows them to where `causeway start` put them. Pure.

/** Default addresses as configurations name them. */
export const DEFAULT_PORTS = { edge: 8787, demo: 8085 } as const;

export interface ActualPorts {
  readonly edge: number;
  /** Absent when no demo origin runs. */
  readonly demo?: number;
}

/** A copy of the document in which URLs of the default addresses carry the actual ports. */
export function followPorts(
  raw: Readonly<Record<string, unknown>>,
  ports: ActualPorts,
): Record<string, unknown> {
  const moved = new Map<string, number>([[`${DEFAULT_PORTS.edge}`, ports.edge]]);
  if (ports.demo !== undefined) moved.set(`${DEFAULT_PORTS.demo}`, ports.demo);
  return mapTexts(raw, (text) =>
    text.replace(/^((?:http|ws):\/\/127\.0\.0\.1:)(\d+)(?=$|\/)/, (whole, before: string, port: string) => {
      const actual = moved.get(port);
      return actual === undefined ? whole : `${before}${actual}`;
    }),
  ) as Record<string, unknown>;
}

function mapTexts(value: unknown, map: (text: string) => string): unknown {
  if (typeof value === "string") return map(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, map));
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTexts(item, map)]));
}
