import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { AttuneError, withPlace } from "../../text/errors.ts";
import { unzstd } from "./zstd.ts";

export type Compression = "gzip" | "zstd";

const MAGIC: readonly { compression: Compression; bytes: readonly number[] }[] = [
  { compression: "gzip", bytes: [0x1f, 0x8b] },
  { compression: "zstd", bytes: [0x28, 0xb5, 0x2f, 0xfd] },
];

/** A file whose ending says that it is compressed. */
export const hasCompressedName = (path: string): boolean => /\.(gz|zst)$/i.test(path);

/**
 * By the first bytes; undefined for what isn't compressed.
 * @throws AttuneError when the name says otherwise.
 */
export function compressionOf(head: Uint8Array, file: string): Compression | undefined {
  const found = MAGIC.find(({ bytes }) => bytes.every((byte, i) => head[i] === byte));
  if (!found && hasCompressedName(file) && head.length > 0)
    throw new AttuneError({
      code: "data.wrong-compression",
      place: file,
      problem: `the file doesn't begin as ${/gz$/i.test(file) ? "gzip" : "zstd"} data does`,
    });
  return found?.compression;
}

/** Decompresses piece by piece: what comes is as large as the reader asks for. @throws AttuneError on damage. */
export async function* decompress(
  chunks: AsyncIterable<Uint8Array>,
  compression: Compression,
  file: string,
): AsyncGenerator<Uint8Array> {
  try {
    yield* compression === "gzip" ? gunzip(chunks) : unzstd(chunks);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (compression === "gzip" && !code?.startsWith("Z_")) throw error;
    if (error instanceof AttuneError) throw withPlace(error, file);
    throw new AttuneError(
      {
        code: "data.damaged-compression",
        place: file,
        problem: `the ${compression} data is damaged or cut: ${message}`,
      },
      { cause: error },
    );
  }
}

async function* gunzip(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const source = Readable.from(chunks, { objectMode: true });
  const unzip = createGunzip();
  source.on("error", (error) => unzip.destroy(error));
  try {
    yield* source.pipe(unzip);
  } finally {
    source.destroy();
    unzip.destroy();
  }
}
