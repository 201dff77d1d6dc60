import type { Job } from "./job.ts";
import { MIDDLE, type Shape } from "./models.ts";
import { preparing } from "./preparation.ts";
import { medianPeak, type Outcome } from "./results.ts";
import {
  attuneCommand,
  type Bench,
  type Contender,
  examplesPerSecond,
  trlCommand,
  type Workload,
} from "./workload.ts";

const RANK = 8;

/** attune and TRL over one row of `length` tokens a step. */
function both(bench: Bench, group: string, length: number, shape: Shape = MIDDLE, rank = RANK): Contender[] {
  const model = bench.models.model(bench.shape(shape));
  const adapter = bench.models.adapter(bench.shape(shape), rank);
  const steps = bench.quick ? 2 : 3;
  const data = bench.rows.full(model, steps, length);
  const job: Job = { task: "sft", model, adapter, data, steps, batchSize: 1, maxLength: length };
  const trl = trlCommand(bench.python, { ...job, dtype: "float32", layout: "padded" });
  return [
    { name: `attune, ${group}`, side: "attune", group, command: attuneCommand(job) },
    { name: `TRL, float32, ${group}`, side: "TRL", group, command: trl },
  ];
}

export function longRows(bench: Bench): Workload {
  const lengths = bench.quick ? [32, 64, 128] : [512, 2_048, 8_192];
  return {
    id: "d",
    title: "Long rows",
    note: "25 million parameters, LoRA, one row a step. Activations are what a peak is above that of no tokens, which the line through the two shorter lengths gives: where memory is linear, four times the tokens take four times as much.",
    unit: "rows/s",
    rate: examplesPerSecond,
    contenders: () => lengths.flatMap((length) => both(bench, `${length} tokens`, length)),
    remark: (outcomes) =>
      (["attune", "TRL"] as const).map((side) => growthOf(side, lengths, outcomes)).join(" "),
  };
}

/** How the longest row's activations compare with the middle one's. */
function growthOf(side: Contender["side"], lengths: readonly number[], outcomes: readonly Outcome[]): string {
  const peaks = outcomes
    .filter(({ contender, rounds }) => contender.side === side && rounds.length > 0)
    .map(medianPeak);
  if (peaks.length < lengths.length) return "";
  const [[short, middle, long], [few, some, many]] = [lengths, peaks] as unknown as [number[], number[]];
  const aToken = (some! - few!) / (middle! - short!);
  const ofNone = few! - aToken * short!;
  const times = (many! - ofNone) / (some! - ofNone);
  return `Activations of ${side} at ${long} tokens are ${times.toFixed(2)} times those at ${middle}.`;
}

export function growth(bench: Bench): Workload {
  const length = bench.quick ? 32 : 512;
  const lengths = bench.quick ? [32, 64] : [256, 512, 1_024, 2_048];
  const layers = bench.quick ? [1, 2] : [2, 4, 8, 16];
  const widths = bench.quick ? [32, 64] : [256, 512, 1_024];
  const ranks = bench.quick ? [2, 4] : [4, 16, 64];
  const rows = bench.quick ? [20, 40] : [1_000, 10_000];
  const deep = (num_hidden_layers: number) => ({ ...bench.shape(MIDDLE), num_hidden_layers });
  const wide = (hidden_size: number) => ({
    ...bench.shape(MIDDLE),
    ...{ hidden_size, intermediate_size: 3 * hidden_size },
  });
  const itself = { ...bench, shape: (shape: Shape) => shape };
  return {
    id: "i",
    title: "Growth with tokens, layers, width, rank and rows",
    note: `25 million parameters, LoRA r ${RANK}, one row of ${length} tokens a step, but for what is varied; rows are prepared, not trained on.`,
    unit: "rows/s",
    rate: examplesPerSecond,
    contenders: () => [
      ...lengths.flatMap((one) => both(bench, `${one} tokens`, one)),
      ...layers.flatMap((one) => both(itself, `${one} layers`, length, deep(one))),
      ...widths.flatMap((one) => both(itself, `width ${one}`, length, wide(one))),
      ...ranks.flatMap((one) => both(bench, `rank ${one}`, length, MIDDLE, one)),
      ...rows.flatMap((one) => preparing(bench, `${one} rows`, one)),
    ],
  };
}
