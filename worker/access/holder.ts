// What leases of this isolate are held under.

let holder: string | undefined;

/** A random id of this isolate; made within a request, because random ids are refused at start-up. */
export function leaseHolder(): string {
  holder ??= crypto.randomUUID();
  return holder;
}
