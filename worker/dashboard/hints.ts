// What to try while there is nothing to show. Only a local edge has the demo hosts that the commands name.

import { element } from "./dom.ts";

/** A command that makes traffic: a short request, or one long enough to be seen among the connections. */
export function tryIt(length: "short" | "long"): (Node | string)[] {
  const local = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  if (!local) return [];
  const port = location.port ? `:${location.port}` : "";
  const demo = `http://demo.localhost${port}`;
  const command =
    length === "short"
      ? `curl ${demo}/bytes/100000 -o demo.bin`
      : `curl "${demo}/slow?bytes=50000000&ms=20000" -o demo.bin`;
  return ["Try: ", element("code", {}, command)];
}
