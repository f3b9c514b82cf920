// What a thread of the relay runs: joins its port to the relay within.

import { parentPort, workerData } from "node:worker_threads";
import type { ThreadData, ToThread } from "./messages.ts";
import { ThreadRelay } from "./thread-relay.ts";

const port = parentPort;
if (port === null) throw new Error("Cannot serve connections: this file runs as a thread of the relay only");
const relay = new ThreadRelay(port, workerData as ThreadData);
port.on("message", (message: ToThread) => relay.hear(message));
