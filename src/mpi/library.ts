import { createRequire } from "node:module";
import { AttuneError } from "../text/errors.ts";
import { IMPLEMENTATIONS, type Implementation } from "./implementations.ts";
import { settleUcx } from "./ucx.ts";

/** The functions of MPI that attune calls. Those that wait for other processes do so in a thread of their own. */
export interface MpiLibrary {
  implementation: Implementation;
  /** What the library says of itself, its first line. */
  version: string;
  /** @returns the level of thread support */
  init(): number;
  rank(): number;
  size(): number;
  /** Sends `bytes` to each process, and gets as many from each. */
  exchange(send: Uint8Array, receive: Uint8Array, bytes: number): Promise<void>;
  /** Gets what all have sent, one after the other. */
  collect(send: Uint8Array, receive: Uint8Array, bytes: number): Promise<void>;
  /** Ends all processes. */
  abort(code: number): void;
  finalize(): void;
}

type Func = ((...values: unknown[]) => number) & {
  async(...values: unknown[]): void;
};
interface Loaded {
  func(signature: string): Func;
  symbol(name: string, type: string): unknown;
}
interface Koffi {
  load(path: string, options: { global: boolean }): Loaded;
}

const SERIALIZED = 2; // MPI_THREAD_SERIALIZED: calls from several threads, one at a time

/**
 * Loads libmpi.
 * @param env `ATTUNE_MPI` is the library's path, where the system's loader doesn't know it
 * @throws AttuneError when there is none, or koffi is missing
 */
export function loadMpi(by: Implementation["name"] | undefined, env: NodeJS.ProcessEnv): MpiLibrary {
  const { loaded, implementation } = findLibrary(by, env);
  return library(loaded, implementation);
}

/** What the first library that is found says of itself. @throws AttuneError when there is none */
export const mpiVersion = (env: NodeJS.ProcessEnv): string => versionOf(findLibrary(undefined, env).loaded);

function findLibrary(by: Implementation["name"] | undefined, env: NodeJS.ProcessEnv) {
  settleUcx(env);
  const koffi = loadKoffi();
  const tried: string[] = [];
  for (const implementation of candidates(by))
    for (const path of env.ATTUNE_MPI ? [env.ATTUNE_MPI] : implementation.libraries) {
      const loaded = attempt(koffi, path);
      if (!loaded) tried.push(path);
      else if (fits(loaded, implementation)) return { loaded, implementation };
    }
  throw new AttuneError({
    code: "mpi.no-library",
    problem: `the library of MPI was not found (${[...new Set(tried)].slice(0, 5).join(", ")})`,
    wayOut: "Install OpenMPI or MPICH, or set ATTUNE_MPI to the path of its libmpi",
  });
}

const candidates = (by?: Implementation["name"]) =>
  IMPLEMENTATIONS.filter(({ name }) => by === undefined || name === by);

function loadKoffi(): Koffi {
  try {
    return createRequire(import.meta.url)("koffi") as Koffi;
  } catch (cause) {
    throw new AttuneError(
      {
        code: "mpi.no-koffi",
        problem:
          "this process was started by MPI, and the package koffi, which calls its library, is missing",
        wayOut: "npm install koffi",
      },
      { cause },
    );
  }
}

function attempt(koffi: Koffi, path: string): Loaded | undefined {
  try {
    return koffi.load(path, { global: true }); // OpenMPI's plug-ins look for its symbols
  } catch {
    return undefined;
  }
}

/** Whether a library is this implementation's: both may be called libmpi. */
function fits(loaded: Loaded, { name }: Implementation): boolean {
  return versionOf(loaded).includes("Open MPI") === (name === "OpenMPI");
}

const VERSION_BYTES = 8192; // MPI_MAX_LIBRARY_VERSION_STRING of both is at most that

function versionOf(loaded: Loaded): string {
  const [text, length] = [new Uint8Array(VERSION_BYTES), new Int32Array(1)];
  loaded.func("int MPI_Get_library_version(void *, void *)")(text, length);
  return new TextDecoder().decode(text.subarray(0, length[0])).split(/[,\n]/)[0]!.replaceAll(/\s+/g, " ");
}

function library(loaded: Loaded, implementation: Implementation): MpiLibrary {
  const { handle, world, byte } = implementation;
  const handleOf = (known: string | number) =>
    typeof known === "number" ? known : loaded.symbol(known, "void *");
  const [comm, bytes] = [handleOf(world), handleOf(byte)];
  const int = (signature: string) => {
    const value = new Int32Array(1);
    check(loaded.func(signature)(comm, value), signature);
    return value[0]!;
  };
  const several = (name: string) => {
    const call = loaded.func(`int ${name}(void *, int, ${handle}, void *, int, ${handle}, ${handle})`);
    return (send: Uint8Array, receive: Uint8Array, size: number) =>
      new Promise<void>((resolve, reject) =>
        call.async(send, size, bytes, receive, size, bytes, comm, (error: Error | null, code: number) =>
          error ? reject(error) : resolve(check(code, name)),
        ),
      );
  };
  return {
    implementation,
    version: versionOf(loaded),
    init() {
      const level = new Int32Array(1);
      check(
        loaded.func("int MPI_Init_thread(void *, void *, int, void *)")(null, null, SERIALIZED, level),
        "MPI_Init_thread",
      );
      return level[0]!;
    },
    rank: () => int(`int MPI_Comm_rank(${handle}, void *)`),
    size: () => int(`int MPI_Comm_size(${handle}, void *)`),
    exchange: several("MPI_Alltoall"),
    collect: several("MPI_Allgather"),
    abort: (code) => void loaded.func(`int MPI_Abort(${handle}, int)`)(comm, code),
    finalize: () => check(loaded.func("int MPI_Finalize()")(), "MPI_Finalize"),
  };
}

function check(code: number, call: string): void {
  if (code !== 0) throw new AttuneError({ code: "mpi.failed", problem: `${call} failed with code ${code}` });
}

/** Whether calls may come from the threads that wait. */
export const isThreaded = (level: number): boolean => level >= SERIALIZED;
