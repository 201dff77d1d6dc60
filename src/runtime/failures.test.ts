import { describe, expect, test } from "vitest";
import { openingError, runError } from "./failures.ts";

// What onnxruntime-node and onnxruntime-web 1.30 said; of CUDA, what people report of it.
describe("openingError", () => {
  test.each([
    ["cuda", "OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library"],
    [
      "cuda",
      "Failed to load library libonnxruntime_providers_cuda.so with error: libcublasLt.so.12: cannot open",
    ],
    ["cuda", "CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; GPU=-1"],
    ["webgpu", "webgpu_context.cc:136 Failed to get a WebGPU adapter: No supported adapters"],
    ["webgpu", "no available backend found. ERR: [webgpu] backend not found."],
    ["cuda", "the runtime was built without that provider, with cpu, webgpu"],
  ] as const)("device %s is missing: %s", (device, message) => {
    expect(openingError(message, { device }).message).toMatch(`device ${device} is not available here`);
  });

  test.each([
    [
      "wasm",
      "[wasm] RuntimeError: Aborted(CompileError: WebAssembly.instantiate(): BufferSource argument is empty).",
    ],
    ["wasm", "[wasm] TypeError: Failed to fetch"],
    ["webgpu", "[webgpu] RuntimeError: Aborted(both async and sync fetching of the wasm failed)."],
  ] as const)("the runtime's own file is missing: %s, %s", (device, message) =>
    expect(openingError(`no available backend found. ERR: ${message}`, { device })).toMatchObject({
      code: "runtime.no-wasm-file",
      place: expect.stringMatching(device === "wasm" ? /threaded\.wasm$/ : /asyncify\.wasm$/),
    }),
  );

  test("what it means is said, not where the runtime's source checks it", () => {
    const source =
      "/onnxruntime_src/onnxruntime/core/providers/webgpu/webgpu_context.cc:136 onnxruntime::webgpu::WebGpuContext::Initialize(" +
      "const onnxruntime::webgpu::WebGpuContextConfig&)::<lambda()> adapter_result.status == wgpu::RequestAdapterStatus::Success was false. ";
    const said = "Failed to get a WebGPU adapter: No supported adapters.";
    expect(openingError(`${source}${said}\n`, { device: "webgpu" }).problem).toBe(
      `device webgpu is not available here: ${said}`,
    );
    expect(runError(`x.cc:1 f() a was false. ${said}`).message).toBe(`the runtime failed: ${said}`);
  });

  test.each([
    "Failed to find kernel for com.microsoft.QuickGelu(1) (node:'Mul' ep:'WebGpuExecutionProvider')",
    "Could not find an implementation for Erf(13) node with name 'Erf/v0'",
    "Failed to load model because protobuf parsing failed.",
  ])("the device is there, the model is wrong: %s", (message) => {
    expect(openingError(message, { device: "webgpu" }).message).toBe(
      `the runtime refused the model: ${message}`,
    );
  });
});

describe("runError", () => {
  test.each([
    "Failed to allocate memory for requested buffer of size 4096",
    "CUDA failure 2: out of memory ; GPU=0",
  ])("says what to do when memory ran out: %s", (message) => {
    expect(runError(message).message).toMatch(
      /out of memory in a step.*gradientCheckpointing, lower training.maxLength/,
    );
  });

  test.each([
    "WebGPU device lost (1): unknown",
    "DeviceLost",
    "A valid external Instance reference no longer exists: device was lost",
    "Failed to execute 'mapAsync' on 'GPUBuffer': The Device was lost before mapping was resolved.",
  ])("a device that is gone: %s", (message) => expect(runError(message).code).toBe("runtime.device-lost"));

  test.each([
    "WebGPU validation failed. [Invalid Buffer (unlabeled)] is invalid due to a previous error.",
    "WebGPU validation failed. Buffer size (2147483648) exceeds the max buffer size limit (1073741824).",
  ])("a buffer that is too large: %s", (message) =>
    expect(runError(message)).toMatchObject({
      code: "runtime.buffer-too-large",
      message: expect.stringMatching(/lower training.maxLength, choose a smaller model/),
    }),
  );

  test("a device without float16", () =>
    expect(runError("Program Cast requires f16 but the device does not support it.").code).toBe(
      "runtime.no-float16",
    ));

  test("else says what the runtime said", () => {
    expect(runError("2 by 3").message).toBe("the runtime failed: 2 by 3");
  });
});
