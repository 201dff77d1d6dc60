import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { damagedData, type Gunzip } from "./compression.ts";

export const gunzip: Gunzip = async function* (chunks) {
  const source = Readable.from(chunks, { objectMode: true });
  const unzip = createGunzip();
  source.on("error", (error) => unzip.destroy(error));
  try {
    yield* source.pipe(unzip);
  } catch (error) {
    const isDamage = (error as NodeJS.ErrnoException).code?.startsWith("Z_");
    throw isDamage ? damagedData("gzip", error as Error) : error;
  } finally {
    source.destroy();
    unzip.destroy();
  }
};
