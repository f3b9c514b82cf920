// Waiting with an end: for promises whose work cannot be cancelled, or that another request's context has to settle.

/** Settles as `promise` does, or rejects after `ms` milliseconds. The work behind the promise goes on. */
export async function withDeadline<T>(promise: Promise<T>, ms: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`No answer within ${ms} ms`)), ms);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
