import type { Model } from "../models/family.ts";
import { isSmall } from "../models/is_small.ts";
import type { SessionOptions } from "../runtime/session.ts";

/**
 * Threads in a page, as asked for. Where nobody asked, a small model is computed by one, which is faster there: WASM's threads
 * wait for each other at every op. How many a larger one gets is the runtime's choice.
 */
export const pageThreads = (
  model: Model,
  { device, threads }: Pick<SessionOptions, "device" | "threads">,
): number | undefined => threads ?? (device === "wasm" && isSmall(model) ? 1 : undefined);
