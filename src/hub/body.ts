/** Bodies of answers, read with a watch on their pace and their length. */
import { AttuneError } from "../text/errors.ts";
import { type Connection, connectionError, shown } from "./connection.ts";

/** The chunks of a body. @throws Error when none comes for `tuning.stall` milliseconds; the signal's reason. */
export async function* chunks(
  response: Response,
  { tuning, signal }: Connection,
): AsyncGenerator<Uint8Array> {
  if (!response.body) return;
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await withinTime(reader.read(), tuning.stall);
      if (done) return;
      signal?.throwIfAborted();
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {}); // closes the connection when the rest is not wanted
  }
}

async function withinTime<T>(reading: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("the connection stalled")), milliseconds);
  });
  try {
    return await Promise.race([reading, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** All of a body that is known to be small. @throws AttuneError when it is longer than `limit` bytes, or breaks off. */
export async function readSmall(
  response: Response,
  url: string,
  connection: Connection,
  limit: number,
): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of chunks(response, connection)) {
      length += chunk.length;
      if (length > limit)
        throw new AttuneError({
          code: "hub.answer-too-large",
          place: shown(url),
          problem: `the answer has more than ${limit} bytes`,
        });
      parts.push(chunk);
    }
  } catch (error) {
    connection.signal?.throwIfAborted();
    throw error instanceof AttuneError ? error : connectionError(error, url);
  }
  return Buffer.concat(parts);
}
