import { damagedData, type Gunzip } from "./compression.ts";

/**
 * By what browsers have for it, which reads one member and fails at what follows: each of several, as `cat a.gz b.gz` and bgzip
 * make them, gets a stream of its own.
 */
export const gunzipOnWeb: Gunzip = async function* (chunks) {
  let member = openMember();
  let held = new Uint8Array(); // a header may begin in it
  try {
    for await (const chunk of chunks)
      for (let at = 0; at < chunk.length; at += PIECE) {
        const bytes = joined(held, chunk.subarray(at, at + PIECE));
        let from = 0;
        for (const header of headersIn(bytes)) {
          yield* await member.write(bytes.slice(from, header));
          from = header;
          if (!(await member.isWhole())) continue;
          yield* await member.end();
          member = openMember();
        }
        const to = Math.max(from, bytes.length - HEADER + 1);
        yield* await member.write(bytes.slice(from, to));
        held = bytes.slice(to);
      }
    yield* await member.write(held);
    yield* await member.end();
  } finally {
    member.drop();
  }
};

/** Bytes that are decompressed at once: what comes of them, a thousand times as much at most, is held. */
const PIECE = 2 ** 16;

/** Bytes by which the start of a member is known: two that are always the same, the method, and flags. */
const HEADER = 4;

function headersIn(bytes: Uint8Array): number[] {
  const found: number[] = [];
  for (let at = bytes.indexOf(0x1f); at >= 0; at = bytes.indexOf(0x1f, at + 1)) {
    const [, second, method, flags] = bytes.subarray(at, at + HEADER);
    if (second === 0x8b && method === 8 && flags !== undefined && flags < 0x20) found.push(at);
  }
  return found;
}

function openMember() {
  const { readable, writable } = new DecompressionStream("gzip");
  const [writer, reader] = [writable.getWriter(), readable.getReader()];
  const taken: Uint8Array[] = [];
  let size = 0;
  let last = new Uint8Array(); // its last four bytes so far
  const reading = (async () => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      taken.push(next.value);
      size += next.value.length;
    }
  })();
  const orDamaged = (work: Promise<unknown>) =>
    work.catch((error) => {
      throw damagedData("gzip", error);
    });
  const take = async (work: Promise<unknown>) => {
    await orDamaged(work);
    return taken.splice(0);
  };
  reading.catch(() => {}); // whoever writes gets the error
  return {
    write(bytes: Uint8Array<ArrayBuffer>) {
      last = joined(last, bytes).slice(-4);
      return take(bytes.length > 0 ? writer.write(bytes) : Promise.resolve());
    },
    /** Whether it ends here: its last bytes say how long its content is. A write begins when all before it was read. */
    async isWhole(): Promise<boolean> {
      if (last.length < 4) return false;
      await orDamaged(writer.write(new Uint8Array()));
      return size % 2 ** 32 === new DataView(last.buffer).getUint32(0, true);
    },
    end: () => take(Promise.all([writer.close(), reading])),
    drop: () => void writer.abort().catch(() => {}),
  };
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
