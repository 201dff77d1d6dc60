import { readFile } from "node:fs/promises";
import { availableParallelism, freemem, totalmem } from "node:os";

/** What is here to run on. */
export interface Machine {
  cores: number;
  /** What this process may use at most, and what of it nobody else uses. */
  memoryBytes: number;
  availableBytes: number;
}

export async function thisMachine(): Promise<Machine> {
  const memoryBytes = Math.min(process.constrainedMemory() || Number.POSITIVE_INFINITY, totalmem());
  const availableBytes = Math.min(memoryBytes, await availableMemory());
  return { cores: availableParallelism(), memoryBytes, availableBytes };
}

/** On Linux free memory leaves out what files are cached in, which is given up when it is wanted. */
async function availableMemory(): Promise<number> {
  const text = await readFile("/proc/meminfo", "utf8").catch(() => "");
  const kilobytes = /^MemAvailable:\s+(\d+) kB/m.exec(text)?.[1];
  return kilobytes === undefined ? freemem() : Number(kilobytes) * 1024;
}
