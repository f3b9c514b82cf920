// The sink "console": the Worker's own log, from where Workers Logs and Logpush carry it on.

/** Writes one record, a line of JSON. */
export function writeToConsole(line: string): void {
  // biome-ignore lint/suspicious/noConsole: the operator asked for the access log to stand in the runtime's log
  console.log(line);
}
