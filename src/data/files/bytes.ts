/** Streams of bytes, cut anywhere. */

const EMPTY = new Uint8Array(0);

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Parts that are put together once; no more than `limit` bytes of them are kept. */
export function byteCollector(limit: number) {
  let parts: Uint8Array[] = [];
  let size = 0;
  return {
    /** Of all that was added, kept or not. */
    get size() {
      return size;
    },
    get isFull() {
      return size > limit;
    },
    add(part: Uint8Array) {
      const room = limit - size;
      if (room > 0 && part.length > 0) parts.push(room < part.length ? part.subarray(0, room) : part);
      size += part.length;
    },
    /** What was kept; it starts anew. */
    take(): Uint8Array {
      const bytes = concatBytes(parts);
      parts = [];
      size = 0;
      return bytes;
    },
  };
}

/**
 * Looks at the first bytes of a stream without taking them: as many as `isEnough` asks for, unless it ends before.
 * `chunks` is the whole stream again.
 */
export async function peekBytes(
  chunks: AsyncIterable<Uint8Array>,
  isEnough: (head: Uint8Array) => boolean,
): Promise<{ head: Uint8Array; chunks: AsyncGenerator<Uint8Array> }> {
  const rest = chunks[Symbol.asyncIterator]();
  let head: Uint8Array = EMPTY;
  while (!isEnough(head)) {
    const next = await rest.next();
    if (next.done) break;
    head = concatBytes([head, next.value]);
  }
  return { head, chunks: resume(head, rest) };
}

async function* resume(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    if (head.length > 0) yield head;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
