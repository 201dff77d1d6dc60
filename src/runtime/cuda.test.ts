import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { matmul } from "../graph/ops/matmul.ts";
import { input } from "../graph/sources.ts";
import { type CudaPlace, cudaFacts, describeCuda, noCuda, requireCuda } from "./cuda.ts";
import { openGraph } from "./open_graph.ts";
import type { OpenSession } from "./session.ts";

const at = temporaryDirectory();

function place(name: string, files: string[], libraries: string[] = []): CudaPlace {
  const folder = at(name);
  const beside = join(folder, "bin/napi-v6/linux/x64");
  mkdirSync(beside, { recursive: true });
  for (const file of files) writeFileSync(join(beside, file), "");
  return { system: "linux-x64", folder, hasLibrary: (library) => libraries.includes(library) };
}

const PROVIDER = ["libonnxruntime_providers_shared.so", "libonnxruntime_providers_cuda.so"];
const CUDA = ["libcudart.so.12", "libcublas.so.12", "libcublasLt.so.12", "libcufft.so.11", "libcurand.so.10"];

describe("what device cuda needs", () => {
  test("as npm leaves it: the one command is said, with the way out of the error", () => {
    const facts = cudaFacts(place("bare", [], ["libcuda.so.1", ...CUDA, "libcudnn.so.9"]));
    const command = `node ${at("bare")}/script/install.js --onnxruntime-node-install=cuda12`;
    expect(facts).toMatchObject({
      hasDriver: true,
      missingProvider: PROVIDER,
      missingLibraries: [],
      command,
    });
    expect(describeCuda(facts)).toContain(command);
    expect(() => requireCuda(facts)).toThrow(
      expect.objectContaining({
        code: "runtime.no-cuda",
        message: expect.stringContaining(`Run: ${command}; or use device: webgpu or device: cpu`),
      }),
    );
  });

  test("half of the provider is none of it", () => {
    const facts = cudaFacts(place("half", PROVIDER.slice(0, 1)));
    expect(facts.missingProvider).toEqual(PROVIDER.slice(1));
  });

  test("the driver and libraries are named where they are missing, and found beside the runtime, too", () => {
    const facts = cudaFacts(place("libraries", [...PROVIDER, ...CUDA]));
    expect(() => requireCuda(facts)).not.toThrow(); // the runtime may try
    expect(describeCuda(facts)).toBe(
      "not ready: no NVIDIA driver (libcuda.so.1); " +
        "CUDA 12 and cuDNN 9 lack libcudnn.so.9; LD_LIBRARY_PATH names their directory",
    );
    expect(noCuda(facts, "it said no").message).toBe(
      "device cuda is not available here: it said no. See: attune doctor; or use device: webgpu or device: cpu.",
    );
  });

  test("all is there; on other systems nothing is offered", () => {
    const all = place("all", PROVIDER, ["libcuda.so.1", ...CUDA, "libcudnn.so.9"]);
    expect(describeCuda(cudaFacts(all))).toMatch(/^driver, provider and libraries are there/);
    const mac = cudaFacts({ ...all, system: "darwin-arm64" });
    expect(describeCuda(mac)).toMatch(/^none/);
    expect(() => requireCuda(mac)).toThrow(/Use device: webgpu or device: cpu/);
  });
});

test("on CUDA products are FusedMatMul, as on the CPU, and nothing is kept on the device", async () => {
  const nodes: string[] = [];
  const open: OpenSession = async ({ bytes }) => {
    nodes.push(...["FusedMatMul", "Gemm"].filter((op) => Buffer.from(bytes).includes(op)));
    return { release: async () => {} } as Awaited<ReturnType<OpenSession>>;
  };
  const y = matmul(input("a", ["N", 4]), input("b", ["N", 4]), { transB: true, alpha: 2 });
  for (const device of ["cuda", "cpu"] as const) await openGraph(open, { y }, { device });
  expect(nodes).toEqual(["FusedMatMul", "FusedMatMul"]);
});
