// Chooses the UDP engine: offload where this system's probe passed, else portable.

import type { EngineOptions, OpenEngine, PacketEngine } from "./engine.ts";
import { type Libc, loadLibc } from "./libc.ts";
import { openOffload } from "./offload.ts";
import { openPortable } from "./portable.ts";
import { probeOffload } from "./probe.ts";

/** The probe's outcome holds for the life of the process: kernels do not change under it. */
let probed: Promise<Libc | undefined> | undefined;

async function workingLibc(): Promise<Libc | undefined> {
  const libc = loadLibc();
  return libc !== undefined && (await probeOffload(libc)) ? libc : undefined;
}

async function openFastest(options: EngineOptions): Promise<PacketEngine> {
  probed ??= workingLibc().catch(() => undefined);
  const libc = await probed;
  const engine = libc && (await openOffload(libc, options));
  return engine ?? (await openPortable(options));
}

/** How engines are opened where the configuration says `offload`. */
export function engineOpener(offload: boolean): OpenEngine {
  return offload ? openFastest : openPortable;
}
