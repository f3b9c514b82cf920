// The access log of proxied hosts: one record per request, to every sink of the configuration. Hosts without it never come
// here.

import type { LogSinkConfig } from "../../shared/config/schema.ts";
import type { Call } from "../proxy/call.ts";
import { writeToConsole } from "./console-sink.ts";
import { LogEntry, type WriteRecord } from "./entry.ts";
import { httpSink } from "./http-sink.ts";

const writers = new WeakMap<readonly LogSinkConfig[], WriteRecord>();

/** Opens the entry of a request of a host with `access_log = true`; undefined when nothing takes records. */
export function openLogEntry(call: Call): LogEntry | undefined {
  const sinks = call.x.config.logSinks;
  if (sinks.length === 0) return undefined;
  let write = writers.get(sinks);
  if (!write) {
    write = writerTo(sinks);
    writers.set(sinks, write);
  }
  return new LogEntry(call, write);
}

/** Writes a record as one line of JSON to each sink. */
function writerTo(configs: readonly LogSinkConfig[]): WriteRecord {
  const posted = configs.flatMap((config) =>
    config.kind === "http" && config.url !== undefined
      ? [httpSink({ url: config.url, headers: config.headers })]
      : [],
  );
  const toConsole = configs.some(({ kind }) => kind === "console");
  return (record, host) => {
    const line = JSON.stringify(record);
    if (toConsole) writeToConsole(line);
    for (const sink of posted) sink.write(line, host);
  };
}
