// The Worker's entry: the fetch handler, the Durable Object classes that wrangler.toml names, and the entrypoints that
// objects call. No logic here.

import { handle } from "./app.ts";
import type { Env } from "./env.ts";

export { Directory } from "./directory/object.ts";
export { HealthChecker } from "./health/checker.ts";
export { Health } from "./health/object.ts";
export { ChannelObject } from "./hls/object/object.ts";
export { Limits } from "./limits/object.ts";
export { ImportsObject } from "./lists/object.ts";
export { ListRunner } from "./lists/runner.ts";
export { Relays } from "./relays/object.ts";
export { Stats } from "./stats/object.ts";
export { TsChannel } from "./ts/object.ts";

export default { fetch: handle } satisfies ExportedHandler<Env>;
