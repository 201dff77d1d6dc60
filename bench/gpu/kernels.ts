/** What kernels of one op took on the device. */
export interface KernelSum {
  op: string;
  calls: number;
  seconds: number;
}

interface TraceEvent {
  cat: string;
  name: string;
  dur: number;
  args?: { op_name?: string };
}

/**
 * Sums by op of the runtime's traces, the longest first. WebGPU's kernels are timed by the device itself, in events "Api"
 * whose name is "node&op&kernel"; other devices' by the host, in events "Node".
 */
export function kernelsOf(traces: readonly string[]): KernelSum[] {
  const events = traces.flatMap((text) => JSON.parse(text) as TraceEvent[]);
  const onDevice = events.filter(({ cat, name }) => cat === "Api" && name.includes("&"));
  const sums = new Map<string, KernelSum>();
  const add = (op: string, dur: number) => {
    const sum = sums.get(op) ?? { op, calls: 0, seconds: 0 };
    sums.set(op, { op, calls: sum.calls + 1, seconds: sum.seconds + dur / 1e6 });
  };
  for (const { name, dur } of onDevice) add(name.split("&")[1]!, dur);
  if (onDevice.length === 0)
    for (const { cat, name, dur, args } of events)
      if (cat === "Node" && name.endsWith("_kernel_time")) add(args?.op_name ?? "?", dur);
  return [...sums.values()].sort((a, b) => b.seconds - a.seconds);
}
