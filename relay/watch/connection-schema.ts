// What the edge and a relay's admin API tell of a connection, as far as it is shown. Forms only.

import * as v from "valibot";

/** Figures are never negative. */
export const count = v.pipe(v.number(), v.minValue(0));
export const text = v.string();

export const ConnectionSchema = v.object({
  id: text,
  kind: text,
  service: text,
  client: text,
  user: text,
  target: text,
  up: count,
  down: count,
  started_at: count,
});
