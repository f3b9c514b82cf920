// The Worker's entry: the fetch handler and the Durable Object classes that wrangler.toml names. No logic here.

import { handle } from "./app.ts";
import type { Env } from "./env.ts";

export { Directory } from "./directory/object.ts";
export { Relays } from "./relays/object.ts";
export { Stats } from "./stats/object.ts";

export default { fetch: handle } satisfies ExportedHandler<Env>;
