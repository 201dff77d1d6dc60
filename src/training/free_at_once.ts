/**
 * Frees the buffers of `arrays`, which end up empty. Garbage collection comes when it likes: until then the gradients of all
 * weights would be there twice. A message that nobody receives takes its buffers along.
 */
export function freeAtOnce(arrays: readonly Float32Array[]): void {
  if (arrays.length === 0) return;
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.postMessage(undefined, [...new Set(arrays.map(({ buffer }) => buffer as ArrayBuffer))]);
  port1.close();
}
