// Time limits on waiting. They belong to the request that waits: a timer or promise of another request's context may
// never fire in this one.

/** `work`, or `late()` once `ms` have passed; `late` may throw. The work itself goes on. */
export function within<T, L>(work: Promise<T>, ms: number, late: () => L): Promise<T | L> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      try {
        resolve(late());
      } catch (error) {
        reject(error);
      }
    }, ms);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
