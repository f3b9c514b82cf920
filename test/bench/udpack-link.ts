// The lossy link of `npm run bench:udpack`, in a process of its own. UDP at its port passes through; who connects to the same
// port by TCP is told, as JSON, what has entered the link so far.

import { createServer } from "node:net";
import { LossyLink } from "../support/lossy-link.ts";
import type { LinkCounts } from "./tun-direction.ts";
import type { DatagramLinkOrder } from "./udpack-tunnels.ts";

/** IPv4 and UDP around each datagram. */
const HEADER_BYTES = 28;

const [, , port, order] = process.argv;
const link = await LossyLink.open({
  ...(JSON.parse(order ?? "{}") as DatagramLinkOrder),
  port: Number(port),
});
const bytes = { up: 0, down: 0 };
link.watch((data, up) => {
  bytes[up ? "up" : "down"] += data.length + HEADER_BYTES;
});
createServer((socket) => {
  socket.on("error", () => socket.destroy());
  socket.end(JSON.stringify({ ...bytes, ...link.counts } satisfies LinkCounts));
}).listen(Number(port), "127.0.0.1");
