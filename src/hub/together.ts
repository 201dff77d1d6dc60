/**
 * Runs all `works`; the first failure aborts the signal that the others were given. Resolves or rejects only when none
 * of them runs any more. @throws the first failure.
 */
export async function together(
  works: readonly ((signal: AbortSignal) => Promise<void>)[],
  limit: <T>(work: () => Promise<T>) => Promise<T>,
  outer: AbortSignal | undefined,
): Promise<void> {
  const failed = new AbortController();
  const signal = outer ? AbortSignal.any([outer, failed.signal]) : failed.signal;
  const failures: unknown[] = [];
  const run = async (work: (signal: AbortSignal) => Promise<void>) => {
    try {
      signal.throwIfAborted();
      await work(signal);
    } catch (error) {
      failures.push(error);
      failed.abort(error);
    }
  };
  await Promise.all(works.map((work) => limit(() => run(work))));
  if (failures.length > 0) throw failures[0];
}
