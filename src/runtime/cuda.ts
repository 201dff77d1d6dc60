import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { AttuneError } from "../text/errors.ts";

/** What device cuda needs of a machine. */
export interface CudaFacts {
  /** Whether the runtime is made with CUDA for this system: linux-x64 alone. */
  isOffered: boolean;
  hasDriver: boolean;
  /** What lies not beside the runtime: npm's package leaves it out, for its size. */
  missingProvider: string[];
  /** What the system's loader doesn't find. */
  missingLibraries: string[];
  /** What fetches the provider. */
  command: string;
}

/** Source: script/install-metadata.js of onnxruntime-node. */
const PROVIDER = ["libonnxruntime_providers_shared.so", "libonnxruntime_providers_cuda.so"];
const DRIVER = "libcuda.so.1";
/** CUDA 12 and cuDNN 9. Source: https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html */
const LIBRARIES = [
  ...["libcudart.so.12", "libcublas.so.12", "libcublasLt.so.12", "libcufft.so.11", "libcurand.so.10"],
  "libcudnn.so.9",
];

export interface CudaPlace {
  /** As Node names them, `linux-x64`. */
  system: string;
  /** The runtime's package. */
  folder: string;
  hasLibrary(name: string): boolean;
}

export function cudaFacts(place: CudaPlace = thisPlace()): CudaFacts {
  const { system, folder, hasLibrary } = place;
  const beside = join(folder, "bin/napi-v6/linux/x64");
  const isFound = (name: string) => hasLibrary(name) || existsSync(join(beside, name));
  const script = join(folder, "script/install.js");
  const short = relative(process.cwd(), script);
  return {
    isOffered: system === "linux-x64",
    hasDriver: hasLibrary(DRIVER),
    missingProvider: PROVIDER.filter((name) => !existsSync(join(beside, name))),
    missingLibraries: LIBRARIES.filter((name) => !isFound(name)),
    command: `node ${short.startsWith("..") ? script : short} --onnxruntime-node-install=cuda12`,
  };
}

/** A line for people. */
export function describeCuda(facts: CudaFacts): string {
  if (!facts.isOffered)
    return "none: ONNX Runtime has it for Linux on x64 alone; a GPU here is --device webgpu's";
  return isReady(facts)
    ? "driver, provider and libraries are there: --device cuda, whose runs are not tested"
    : `not ready: ${missingParts(facts).join("; ")}`;
}

/** Whether nothing is missing. */
export const isReady = (facts: CudaFacts): boolean => facts.isOffered && missingParts(facts).length === 0;

/** Each with what to do. */
function missingParts(facts: Omit<CudaFacts, "isOffered">): string[] {
  const { hasDriver, missingProvider, missingLibraries, command } = facts;
  return [
    ...(hasDriver ? [] : [`no NVIDIA driver (${DRIVER})`]),
    ...(missingProvider.length > 0
      ? [`the runtime's provider is not installed; this fetches it from nuget.org: ${command}`]
      : []),
    ...(missingLibraries.length > 0
      ? [`CUDA 12 and cuDNN 9 lack ${missingLibraries.join(", ")}; LD_LIBRARY_PATH names their directory`]
      : []),
  ];
}

/** @throws AttuneError when the runtime's provider is not there: without it nothing can be tried. */
export function requireCuda(facts: CudaFacts = cudaFacts()): void {
  if (!facts.isOffered || facts.missingProvider.length > 0) throw noCuda(facts);
}

/** @param reason what the runtime said */
export const noCuda = (facts: CudaFacts, reason = describeCuda(facts)): AttuneError =>
  new AttuneError({
    code: "runtime.no-cuda",
    problem: `device cuda is not available here: ${reason}`,
    wayOut: wayOut(facts),
  });

function wayOut({ isOffered, missingProvider, command }: CudaFacts): string {
  if (!isOffered) return "Use device: webgpu or device: cpu";
  const first = missingProvider.length > 0 ? `Run: ${command}` : "See: attune doctor";
  return `${first}; or use device: webgpu or device: cpu`;
}

function thisPlace(): CudaPlace {
  const main = createRequire(import.meta.url).resolve("onnxruntime-node");
  const cached = loaderCache();
  return {
    system: `${process.platform}-${process.arch}`,
    folder: dirname(dirname(main)),
    hasLibrary: (name) => isInPath(name) || cached.includes(`/${name}\0`),
  };
}

const isInPath = (name: string) =>
  (process.env.LD_LIBRARY_PATH ?? "")
    .split(":")
    .some((folder) => folder !== "" && existsSync(join(folder, name)));

/** What the system's loader knows: paths that end in a zero byte. */
function loaderCache(): string {
  try {
    return readFileSync("/etc/ld.so.cache", "latin1");
  } catch {
    return "";
  }
}
