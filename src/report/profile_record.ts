/** Where a run's time went, as `profile.html` shows it. Times are seconds. */
export interface ProfileRecord {
  /** What was run, as a title. */
  title: string;
  steps: number;
  /** Of all steps: what was measured around the runtime's kernels. */
  host: HostTimes;
  /** Kernels, summed by op, by layer and by what they compute. */
  kernels: KernelTime[];
  peaks: MachinePeaks;
}

export interface HostTimes {
  /** Taking a batch's rows. */
  data: number;
  /** Passes, as the loop sees them: packing, feeding, kernels and what lies between. */
  passes: number;
  /** Norm, clipping and update. */
  optimizer: number;
  /** Writing metrics and telling whoever follows the run. */
  reporting: number;
}

export type Phase = "forward" | "backward" | "other passes";

/** All runs of kernels that have the same op, place and shapes. */
export interface KernelTime {
  op: string;
  phase: Phase;
  /** A layer's number, or what lies beside the layers. */
  layer: number | "embedding" | "output layer and loss" | "positions and masks";
  /** Shapes of what it reads: "[512, 896] × [896, 4864]". */
  shapes: string;
  calls: number;
  seconds: number;
  /** Floating-point (or integer) operations: two for each product and sum of a matrix product, one a value otherwise. */
  operations: number;
  /** What it reads and writes. */
  bytes: number;
  inIntegers: boolean;
}

/** Measured on this machine, with as many threads as the run had: operations and bytes a second. */
export interface MachinePeaks {
  threads: number;
  float32: number;
  int8: number;
  bandwidth: number;
}
