import type { SessionOptions } from "../runtime/session.ts";

const MOST = 4; // as ONNX Runtime Web has it: more gain little in a page

/**
 * Threads in a page, as asked for. Where nobody asked, WASM gets half of the processor's threads, as ONNX Runtime Web would give it, but
 * two where there are two: the demo's steps take a fourth less time on both of two cores. A page that isn't isolated has one.
 */
export function pageThreads(
  { device, threads }: Pick<SessionOptions, "device" | "threads">,
  processors = globalThis.navigator?.hardwareConcurrency ?? 1,
): number | undefined {
  if (threads !== undefined || device !== "wasm") return threads;
  return Math.min(MOST, processors, Math.max(2, Math.ceil(processors / 2)));
}
