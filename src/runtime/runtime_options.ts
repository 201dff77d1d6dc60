import { keepsTensors, type SessionOptions } from "./session.ts";

/**
 * Options of ONNX Runtime in Node and on the web; providers, threads and files of weights are the platform's.
 *
 * Memory settings as measured: the arena hands a step's memory from one node to the next, where fresh pages from the
 * system cost a fifth of the step; not packing weights twice saves their size.
 * The graph is written as it should run and is not optimized again: folding would widen a bfloat16 weight for good,
 * merging equal values would keep alive what is recomputed on purpose, and fused nodes would move in the order.
 */
export function runtimeOptions(options: SessionOptions) {
  const { device, foldConstants, rearranged, profilePrefix, kept = [] } = options;
  return {
    graphOptimizationLevel: foldConstants ? ("all" as const) : ("disabled" as const),
    executionMode: "sequential" as const,
    enableCpuMemArena: true,
    enableMemPattern: false,
    logSeverityLevel: 3 as const,
    ...(profilePrefix && { enableProfiling: true, profileFilePrefix: profilePrefix }),
    ...(keepsTensors(device) && kept.length > 0 && { preferredOutputLocation: onDevice(kept) }),
    extra: {
      session: {
        disable_prepacking: rearranged ? "0" : "1",
        // A GPU's graph with some nodes on the CPU copies values to and fro, and in Chromium computes wrong ones.
        ...(keepsTensors(device) && { disable_cpu_ep_fallback: "1" }),
        // Hidden scores become denormals under exp, and arithmetic on those is a hundred times slower.
        set_denormal_as_zero: "1",
        // The calling thread spins while others work: short ops would otherwise pay for waking it.
        "intra_op.allow_spinning": "1",
      },
    },
  };
}

const onDevice = (names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, "gpu-buffer" as const]));
