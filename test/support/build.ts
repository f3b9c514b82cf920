// Before any test that serves the edge: build it once, so that files running side by side do not.

import { buildEdgeIfStale } from "../../relay/serve/build.ts";

export default async function setup(): Promise<void> {
  await buildEdgeIfStale();
}
