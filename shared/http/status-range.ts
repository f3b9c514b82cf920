// Statuses as a configuration names them: "204" or the class "2xx". Pure.

/** True for a status that one of `ranges` names. */
export function statusMatcher(ranges: readonly string[]): (status: number) => boolean {
  const matching = new Set<number>();
  for (const range of ranges) {
    if (!range.endsWith("xx")) matching.add(Number(range));
    else for (let rest = 0; rest < 100; rest++) matching.add(Number(range[0]) * 100 + rest);
  }
  return (status) => matching.has(status);
}
