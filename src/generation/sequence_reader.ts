/** Gets the logits [V] of what comes after a token. */
export type OnEach = (logits: Float32Array) => void;

/** Reads one growing sequence. */
export interface SequenceReader {
  /**
   * Logits [V] of what comes after `tokens`. What was read before and is still their beginning is not read again.
   * @param onEach gets those of what comes after each of `tokens`, which are all read anew for it
   */
  next(tokens: readonly number[], signal?: AbortSignal, onEach?: OnEach): Promise<Float32Array>;
}
