// The whole product on this machine, from one configuration: edge, demo origin and relay, started in order and
// stopped in reverse.

import type { RawDocument } from "../../shared/config/document.ts";
import type { Config } from "../../shared/config/schema.ts";
import { problemLines } from "../config-file.ts";
import { prepareDocument, pushDocument } from "../config-push.ts";
import { type Demo, startDemo } from "../demo/origin.ts";
import { untilReady } from "./control-api.ts";
import { type Edge, startEdge } from "./edge.ts";
import { followPorts } from "./follow-ports.ts";
import { type LinkedRelay, type LinkedRelayDeps, startLinkedRelay } from "./linked-relay.ts";
import { localSecrets } from "./secrets.ts";
import { lockState } from "./state-lock.ts";
import { Teardown } from "./teardown.ts";

const LOOPBACK = "127.0.0.1";
/** A part that hangs is left behind after this: beyond the relay's last report to the edge, which may take 5 s. */
const STOP_DEADLINE_MS = 10_000;

type Environment = Readonly<Record<string, string | undefined>>;

export interface LocalOptions {
  readonly file: { readonly config: Config; readonly raw: RawDocument };
  /** What "env:NAME" is resolved with. */
  readonly env: Environment;
  readonly stateDir: string;
  /** 0 takes a free port. */
  readonly edgePort: number;
  /** 0 takes a free port; absent: no demo origin. */
  readonly demoPort?: number | undefined;
  readonly relayDeps: LinkedRelayDeps;
  /** Told before each step, for people who wait. */
  readonly onStep: (text: string) => void;
  readonly onEdgeLog: (level: string, message: string) => void;
}

export interface Local {
  readonly edge: Edge;
  readonly demo: Demo | undefined;
  readonly relay: LinkedRelay | undefined;
  readonly adminToken: string;
  /** Stops all parts; resolves to a sentence for each that did not stop. */
  stop(): Promise<string[]>;
}

/**
 * Starts everything; what had started is stopped again when a later part cannot start.
 * @throws {PortTakenError} naming the setting, when a port is taken.
 * @throws {Error} when another process uses the state directory, when the edge refuses the configuration, and for everything
 *   else that keeps a part from starting.
 */
export async function startLocal(options: LocalOptions): Promise<Local> {
  const teardown = new Teardown();
  const stop = () => teardown.run(STOP_DEADLINE_MS);
  try {
    return { ...(await startParts(options, teardown)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(options: LocalOptions, teardown: Teardown): Promise<Omit<Local, "stop">> {
  const { file, env, stateDir, onStep } = options;
  teardown.add("state", await lockState(stateDir));
  const secrets = await localSecrets(stateDir, ["ADMIN_TOKEN", "ROOT_KEY", "FRONT_SECRET"]);
  const demo = await startDemoPart(options, teardown);

  onStep("Starting the edge");
  const edge = await startEdge({
    host: LOOPBACK,
    port: options.edgePort,
    stateDir,
    vars: secrets,
    onLog: options.onEdgeLog,
  });
  teardown.add("edge", () => edge.stop());

  onStep("Sending the configuration to the edge");
  const ports = { edge: edge.port, ...(demo === undefined ? {} : { demo: demo.port }) };
  const adminToken = secrets.ADMIN_TOKEN ?? "";
  await pushLocally(followPorts(file.raw, ports), {
    edge: edge.url,
    adminToken,
    rootKey: secrets.ROOT_KEY,
    env,
  });
  await untilReady(edge.url);

  const relayConfig = followPorts({ relay: file.config.relay }, ports).relay as Config["relay"];
  if (relayConfig === undefined) return { edge, demo, relay: undefined, adminToken };
  onStep("Starting the relay");
  const relay = await startLinkedRelay(relayConfig, options.relayDeps);
  teardown.add("relay", () => relay.stop(), relayConfig.drain_timeout);
  return { edge, demo, relay, adminToken };
}

async function startDemoPart(
  { demoPort, onStep }: LocalOptions,
  teardown: Teardown,
): Promise<Demo | undefined> {
  if (demoPort === undefined) return undefined;
  onStep("Starting the demo origin");
  const demo = await startDemo({ host: LOOPBACK, port: demoPort });
  teardown.add("demo origin", () => demo.stop());
  return demo;
}

export interface LocalPush {
  readonly edge: string;
  readonly adminToken: string;
  readonly rootKey: string | undefined;
  readonly env: Environment;
}

/**
 * Pushes a raw document to a local edge.
 * @throws {Error} with every problem in its message, when it cannot be prepared or is refused.
 */
export async function pushLocally(
  raw: RawDocument,
  { edge, adminToken, rootKey, env }: LocalPush,
): Promise<number> {
  const prepared = await prepareDocument(raw, { rootKey, env });
  if (!prepared.ok)
    throw new Error(problemLines("Cannot push the configuration", prepared.problems).join("\n"));
  const result = await pushDocument(prepared.document, { edge, adminToken });
  if (result.ok) return result.version;
  const { message, problems } = result;
  throw new Error(problems.length === 0 ? message : problemLines(message, problems).join("\n"));
}
