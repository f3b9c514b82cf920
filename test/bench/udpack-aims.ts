// The tables of `npm run bench:udpack`, and how what was measured stands to what is aimed at.

import { median, medianRatio, table } from "./figures.ts";
import type { Figures } from "./udpack-transfers.ts";
import type { Tunnel } from "./udpack-tunnels.ts";

type Measured = ReadonlyMap<Tunnel, Figures>;

/** The least that the issue at hand asks of a ratio of speeds. */
const AIMS = {
  cleanPortable: 0.9,
  cleanOffload: 2,
  lossyBest: 1,
  lossyCubic: 5,
} as const;
const KCPTUN = "kcptun";
const CUBIC = "TCP cubic";
const UDPACK = "UDPack";

/** Speeds and CPU time beside kcptun's. */
export function cleanTable(measured: Measured): string {
  const base = named(measured, KCPTUN);
  const rows = [...measured].map(([{ name }, own]) => [
    name,
    ...speed(own),
    ratio(own.mbPerS, base?.mbPerS),
    ...cpu(own, base),
  ]);
  return table(["tunnel", "MB/s", "from-to", "to kcptun", "CPU-s per GB", "to kcptun"], rows);
}

/** The same, and beside TCP, and what was on the wire. */
export function lossyTable(measured: Measured): string {
  const [base, cubic] = [named(measured, KCPTUN), named(measured, CUBIC)];
  const rows = [...measured].map(([{ name }, own]) => [
    name,
    ...speed(own),
    ratio(own.mbPerS, base?.mbPerS),
    ratio(own.mbPerS, cubic?.mbPerS),
    ...cpu(own, base),
    figure(median(own.wireDown), 3),
    figure(median(own.wireUp), 3),
    figure(median(own.shortMs), 0),
  ]);
  const wire = ["wire bytes per byte", "and back", "1 MiB, ms"];
  return table(
    ["tunnel", "MB/s", "from-to", "to kcptun", "to cubic", "CPU-s per GB", "to kcptun", ...wire],
    rows,
  );
}

/** What clean loopback is to show, a line each. */
export function cleanAims(measured: Measured): string[] {
  const base = named(measured, KCPTUN);
  if (base === undefined) return [];
  return [...measured].flatMap(([{ name }, own]) => {
    if (!name.startsWith(UDPACK)) return [];
    const least = name.endsWith("offload") ? AIMS.cleanOffload : AIMS.cleanPortable;
    return [aim(`clean loopback, ${name} to kcptun`, medianRatio(own.mbPerS, base.mbPerS), least)];
  });
}

/** What a path with loss is to show. TCP with BBR is measured for the record: it is none of the tunnels to be reached. */
export function lossyAims(label: string, measured: Measured): string[] {
  const [base, cubic] = [named(measured, KCPTUN), named(measured, CUBIC)];
  return [...measured].flatMap(([{ name }, own]) => {
    if (!name.startsWith(UDPACK)) return [];
    const others = [base, cubic].filter((other) => other !== undefined);
    const best = Math.min(...others.map((other) => medianRatio(own.mbPerS, other.mbPerS)));
    return [
      ...(others.length > 0
        ? [aim(`${label}, ${name} to the best of the others`, best, AIMS.lossyBest)]
        : []),
      ...(cubic
        ? [aim(`${label}, ${name} to TCP cubic`, medianRatio(own.mbPerS, cubic.mbPerS), AIMS.lossyCubic)]
        : []),
    ];
  });
}

function aim(what: string, value: number, least: number): string {
  return `${what}: ${value.toFixed(2)}, aim >= ${least}: ${value >= least ? "met" : "not met"}`;
}

function named(measured: Measured, prefix: string): Figures | undefined {
  return [...measured].find(([{ name }]) => name.startsWith(prefix))?.[1];
}

function speed({ mbPerS }: Figures): string[] {
  return [figure(median(mbPerS), 1), `${Math.min(...mbPerS).toFixed(1)}-${Math.max(...mbPerS).toFixed(1)}`];
}

function cpu({ cpuSPerGb }: Figures, base: Figures | undefined): string[] {
  return [figure(median(cpuSPerGb), 1), ratio(cpuSPerGb, base?.cpuSPerGb)];
}

function ratio(own: readonly number[], base: readonly number[] | undefined): string {
  return base === undefined ? "-" : figure(medianRatio(own, base), 2);
}

function figure(value: number, digits: number): string {
  return Number.isNaN(value) ? "-" : value.toFixed(digits);
}
