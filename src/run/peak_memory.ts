import { readFileSync, writeFileSync } from "node:fs";

/** Begins a new measurement of {@link peakMemory}, where the system can: else the process' own peak counts. */
export function resetPeakMemory(): void {
  try {
    writeFileSync("/proc/self/clear_refs", "5"); // Linux: VmHWM becomes what is resident now
  } catch {}
}

/** Bytes of memory that the process had resident at most. */
export function peakMemory(): number {
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
    if (kilobytes) return Number(kilobytes) * 1024;
  } catch {}
  return process.resourceUsage().maxRSS * 1024;
}
