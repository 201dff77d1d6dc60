import { AttuneError } from "../text/errors.ts";
import type { SessionOptions } from "./session.ts";

/** The runtime's message when it can't open a model. */
export function openingError(said: string, { device }: SessionOptions): AttuneError {
  const message = withoutSource(said);
  if (/\[(wasm|webgpu)\].*(instantiate|compile|fetch|\.wasm)/is.test(message))
    return noWasmFile(device, message);
  const missing = /built without|shared library|adapter|backend|AppendExecutionProvider/i.test(message);
  const isCudas = device === "cuda" && /cuda failure (?!2:)|cudnn|cublas|providers_cuda/i.test(message); // 2 is memory
  if (device !== "cpu" && (missing || isCudas))
    return new AttuneError({
      code: "runtime.missing-device",
      problem: `device ${device} is not available here: ${message}`,
      wayOut: "Use device: cpu",
    });
  if (/fallback to CPU EP/i.test(message))
    return new AttuneError({
      code: "runtime.op-not-on-device",
      problem: `device ${device} has no kernel for an op of this model: ${message}`,
      wayOut: "Use device: cpu",
    });
  return new AttuneError({
    code: "runtime.refused-model",
    problem: `the runtime refused the model: ${message}`,
  });
}

/** A page's server, or its bundler, has left the runtime's own file out. */
const noWasmFile = (device: string, message: string) =>
  new AttuneError({
    code: "runtime.no-wasm-file",
    place: device === "webgpu" ? "ort-wasm-simd-threaded.asyncify.wasm" : "ort-wasm-simd-threaded.wasm",
    problem: `ONNX Runtime Web can't load this file: ${message}`,
    wayOut:
      "Copy it from node_modules/onnxruntime-web/dist to beside the bundle, and serve it as application/wasm",
  });

/** The runtime's message when a run failed. */
export function runError(said: string): AttuneError {
  const message = withoutSource(said);
  if (/alloc|out of memory/i.test(message))
    return new AttuneError({
      code: "runtime.out-of-memory",
      problem: `out of memory in a step: ${message}`,
      wayOut: "Set training.gradientCheckpointing, lower training.maxLength, or choose a smaller model",
    });
  if (/invalid buffer|max(imum)? (storage )?buffer (binding )?size/i.test(message))
    return new AttuneError({
      code: "runtime.buffer-too-large",
      problem: `a value doesn't fit into a buffer of the device, or into its memory: ${message}`,
      wayOut:
        "Set training.gradientCheckpointing, lower training.maxLength, choose a smaller model, or use another device",
    });
  if (/requires f16/i.test(message))
    return new AttuneError({
      code: "runtime.no-float16",
      problem: `the device doesn't compute in float16 (WebGPU's shader-f16): ${message}`,
      wayOut: "Leave compute out: float32 runs on every device",
    });
  if (/device( is| was)?[ _]?(lost|removed)/i.test(message)) return deviceLost(message);
  return new AttuneError({ code: "runtime.failed", problem: `the runtime failed: ${message}` });
}

const LOOK_AT_DRIVER = "Look at the GPU's driver, and whether another program or sleep took it";

const deviceLost = (message: string, wayOut = LOOK_AT_DRIVER): AttuneError =>
  new AttuneError({ code: "runtime.device-lost", problem: `the device was lost: ${message}`, wayOut });

/** In a browser, where the runtime takes a device once. @param message of the browser */
export const gpuLost = (message: string): AttuneError =>
  deviceLost(
    message,
    `${LOOK_AT_DRIVER}; a new Worker, or the page when it is loaded again, takes the GPU anew`,
  );

/** A check of the runtime's that failed says where it stands in the source and how it is written, before what it means. */
const withoutSource = (message: string) =>
  message.replace(/\S*\.(cc|cpp|h|cu):\d+ .{0,600}? was false\. (?=\S)/s, "").trimEnd();
