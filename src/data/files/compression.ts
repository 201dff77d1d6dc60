import { AttuneError, withPlace } from "../../text/errors.ts";
import { unzstd } from "./zstd.ts";

export type Compression = "gzip" | "zstd";

type Bytes = AsyncIterable<Uint8Array>;

/** Decompresses gzip data piece by piece. Damage is an error of `damagedData`. */
export type Gunzip = (chunks: Bytes) => AsyncGenerator<Uint8Array>;

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
  chunks: Bytes,
  compression: Compression,
  file: string,
  gunzip: Gunzip,
): AsyncGenerator<Uint8Array> {
  try {
    yield* compression === "gzip" ? gunzip(chunks) : unzstd(chunks);
  } catch (error) {
    const isOwn = error instanceof AttuneError;
    if (compression === "gzip" && !(isOwn && error.code === DAMAGED)) throw error; // of what is read
    throw withPlace(isOwn ? error : damagedData(compression, error as Error), file);
  }
}

const DAMAGED = "data.damaged-compression";

export const damagedData = (compression: Compression, cause: Error): AttuneError =>
  new AttuneError(
    { code: DAMAGED, problem: `the ${compression} data is damaged or cut: ${cause.message}` },
    { cause },
  );
