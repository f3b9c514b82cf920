// `causeway demo`: only the demo origin.

import { once } from "node:events";
import { startDemo } from "../demo/origin.ts";
import { defineCommand } from "./command.ts";
import { parsePort } from "./port.ts";

export const command = defineCommand({
  name: "demo",
  summary: "Run only the demo origin: a small site, downloads, a WebSocket echo and a live HLS channel",
  usage: "[options]",
  options: {
    host: { type: "string", value: "ADDRESS", fallback: "127.0.0.1", doc: "Address to listen on." },
    "demo-port": {
      type: "string",
      value: "PORT",
      fallback: "8085",
      env: "CAUSEWAY_DEMO_PORT",
      doc: "Port to listen on; 0 takes a free one.",
    },
  },
  async run({ options }, io) {
    const demo = await startDemo({
      host: options.host,
      port: parsePort("--demo-port", options["demo-port"]),
    });
    io.out(`The demo origin listens on ${demo.url}`);
    if (!io.signal.aborted) await once(io.signal, "abort");
    await demo.stop();
    return 0;
  },
});
