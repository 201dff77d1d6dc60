/**
 * Computes the answers to one request side by side, in their order. Where one fails the others are stopped, and all have ended
 * when this settles: a place in the queue is given back only then.
 */
export async function sideBySide<A, T>(
  asked: readonly A[],
  signal: AbortSignal,
  answer: (one: A, index: number, signal: AbortSignal) => Promise<T>,
): Promise<T[]> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const all = asked.map(async (one, index) => {
    try {
      return await answer(one, index, either);
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(all);
  failed.signal.throwIfAborted();
  return Promise.all(all);
}
