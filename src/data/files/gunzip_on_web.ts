import { damagedData, type Gunzip } from "./compression.ts";

/** By what browsers have for it; it reads one gzip member, as nearly all files have. */
export const gunzipOnWeb: Gunzip = async function* (chunks) {
  const source = streamOf(chunks);
  const reader = source.stream.pipeThrough(new DecompressionStream("gzip")).getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } catch (error) {
    throw source.hasFailed() ? error : damagedData("gzip", error as Error);
  } finally {
    await reader.cancel().catch(() => {});
  }
};

function streamOf(chunks: AsyncIterable<Uint8Array>) {
  const iterator = chunks[Symbol.asyncIterator]();
  let failed = false;
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const next = await iterator.next().catch((error) => {
        failed = true;
        throw error;
      });
      if (next.done) controller.close();
      else controller.enqueue(next.value as Uint8Array<ArrayBuffer>);
    },
    cancel: async () => void (await iterator.return?.()),
  });
  return { stream, hasFailed: () => failed };
}
