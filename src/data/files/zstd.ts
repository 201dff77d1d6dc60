import { Decompress } from "fzstd";
import { AttuneError } from "../../text/errors.ts";
import { concatBytes } from "./bytes.ts";

const FRAME = 0xfd2fb528;
/** Bytes. fzstd reads no more than 25 bits of a distance, and would give something else for those of 64 MiB and more. */
export const WINDOW_LIMIT = 32 * 2 ** 20;
const BLOCK_LIMIT = 128 * 1024; // bytes, of RFC 8878

/**
 * Decompresses Zstandard (RFC 8878): the frames are taken apart here and given to fzstd block by block, so that nothing
 * grows by more than a block at a time, however much a few bytes claim to be. Checksums aren't looked at.
 */
export async function* unzstd(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const source = byteSource(chunks);
  try {
    for (let magic = await source.tryTake(4); magic; magic = await source.tryTake(4)) {
      if (isSkippable(magic)) await source.skip(number(await source.take(4)));
      else if (number(magic) === FRAME) yield* readFrame(magic, source);
      else
        throw new AttuneError({
          code: "data.damaged-zstd",
          problem: "there is other data after the zstd data",
        });
    }
  } finally {
    await source.close();
  }
}

type ByteSource = ReturnType<typeof byteSource>;

async function* readFrame(magic: Uint8Array, source: ByteSource): AsyncGenerator<Uint8Array> {
  let out: Uint8Array[] = [];
  const decoder = new Decompress((data) => out.push(data));
  const { header, hasChecksum } = await readHeader(source);
  decoder.push(concatBytes([magic, header]));
  for (let isLast = false; !isLast; ) {
    const block = await source.take(3);
    const bits = number(block);
    const [type, size] = [(bits >> 1) & 3, bits >> 3];
    if (size > BLOCK_LIMIT)
      throw new AttuneError({
        code: "data.damaged-zstd",
        problem: `a zstd block of ${size} bytes is larger than ${BLOCK_LIMIT}`,
      });
    isLast = (bits & 1) === 1;
    decoder.push(concatBytes([block, await source.take(type === 1 ? 1 : size)]));
    yield* out;
    out = [];
  }
  if (hasChecksum) await source.take(4);
}

/** @throws AttuneError when its window would take too much memory, or it needs a dictionary. */
async function readHeader(source: ByteSource): Promise<{ header: Uint8Array; hasChecksum: boolean }> {
  const descriptor = await source.take(1);
  const flags = descriptor[0]!;
  const isSingleSegment = (flags & 0x20) !== 0;
  if ((flags & 3) !== 0)
    throw new AttuneError({
      code: "data.unsupported-zstd",
      problem: "the zstd data needs a dictionary",
      wayOut: "Compress it without one",
    });
  const window = isSingleSegment ? new Uint8Array(0) : await source.take(1);
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][flags >> 6]!;
  const contentSize = await source.take(sizeBytes);
  const needed = isSingleSegment ? number(contentSize) : windowSize(window[0]!);
  if (needed > WINDOW_LIMIT)
    throw new AttuneError({
      code: "data.unsupported-zstd",
      problem: `the zstd data needs a window of ${needed} bytes, more than ${WINDOW_LIMIT}`,
      wayOut: "Compress it without --long and --ultra",
    });
  return { header: concatBytes([descriptor, window, contentSize]), hasChecksum: (flags & 4) !== 0 };
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

const isSkippable = (magic: Uint8Array): boolean => number(magic) >>> 4 === 0x184d2a5;

/** Little-endian. */
const number = (bytes: Uint8Array): number => bytes.reduceRight((sum, byte) => sum * 256 + byte, 0);

/** Takes exact numbers of bytes from a stream. */
function byteSource(chunks: AsyncIterable<Uint8Array>) {
  const iterator = chunks[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  /** At most `count` bytes, at least one; none at the end. */
  const some = async (count: number): Promise<Uint8Array> => {
    while (rest.length === 0) {
      const next = await iterator.next();
      if (next.done) return rest;
      rest = next.value;
    }
    const taken = rest.subarray(0, count);
    rest = rest.subarray(count);
    return taken;
  };
  const upTo = async (count: number): Promise<Uint8Array> => {
    const parts: Uint8Array[] = [];
    for (let left = count; left > 0; ) {
      const part = await some(left);
      if (part.length === 0) break;
      parts.push(part);
      left -= part.length;
    }
    return concatBytes(parts);
  };
  const cut = () => new Error("it ends too early");
  return {
    async take(count: number): Promise<Uint8Array> {
      const bytes = await upTo(count);
      if (bytes.length < count) throw cut();
      return bytes;
    },
    /** Undefined at the stream's end. */
    async tryTake(count: number): Promise<Uint8Array | undefined> {
      const bytes = await upTo(count);
      if (bytes.length > 0 && bytes.length < count) throw cut();
      return bytes.length === 0 ? undefined : bytes;
    },
    async skip(count: number): Promise<void> {
      for (let left = count; left > 0; ) {
        const part = await some(left);
        if (part.length === 0) throw cut();
        left -= part.length;
      }
    },
    close: async () => void (await iterator.return?.()),
  };
}
