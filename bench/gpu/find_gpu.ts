import { execFileSync } from "node:child_process";

export interface Gpu {
  name: string;
  memoryBytes: number;
  /** Bytes that all processes hold on it now. */
  used(): number;
}

/** NVIDIA's first, as its driver's program has it. */
export function findGpu(ask: (query: string) => string | undefined = askDriver): Gpu | undefined {
  const [name, memory] = (ask("name,memory.total") ?? "").split("\n")[0]!.split(",");
  if (!name || !memory) return undefined;
  return {
    name: name.trim(),
    memoryBytes: Number.parseFloat(memory) * 2 ** 20,
    used: () => Number.parseFloat(ask("memory.used") ?? "0") * 2 ** 20,
  };
}

function askDriver(query: string): string | undefined {
  try {
    const words = [`--query-gpu=${query}`, "--format=csv,noheader,nounits"];
    return execFileSync("nvidia-smi", words, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return undefined;
  }
}

const SEEN_EVERY = 250; // ms

/** Looks at what is held, beyond what was before. @returns what gives the most of it */
export function watchMemory(used: () => number): { stop(): number } {
  const before = used();
  let most = before;
  const look = () => {
    most = Math.max(most, used());
  };
  const timer = setInterval(look, SEEN_EVERY);
  return {
    stop() {
      clearInterval(timer);
      return most - before;
    },
  };
}
