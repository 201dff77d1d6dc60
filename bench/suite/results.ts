import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { version } from "../../src/text/version.ts";
import type { Measured } from "./job.ts";
import type { Contender, Workload } from "./workload.ts";

/** All that was measured of one contender, a round each. */
export interface Outcome {
  contender: Contender;
  rounds: Measured[];
  /** What kept it from being measured. */
  error?: string;
}

const HEAD = `# Figures

Written by \`npm run bench\`, workload by workload: each section says when, on which machine and with which versions. Both
sides read the same files of tokens in the same order, each run is a process of its own, and contenders take turns. Rates
are medians over rounds, with the least and the greatest; a run's rate is that of its steps after the first. Peak memory is
what the system saw resident at most (VmHWM), mapped weights included. Ratios are to the fastest and to the smallest of
TRL's settings in the table; those that a round shows to be neither within 15% of its fastest nor of its smallest are not
measured again, and say how often they were. Losses are compared step by step with TRL's in float32, by their greatest
relative difference.
`;

/** Puts a workload's section into the file, in place of the one it had. */
export const writeResults = (path: string, workload: Workload, outcomes: readonly Outcome[]): void =>
  putSection(path, sectionOf(workload, outcomes));

/** @param text begins with its title, `## (KEY) …` */
export function putSection(path: string, text: string): void {
  const before = existsSync(path) ? readFileSync(path, "utf8") : HEAD;
  const [head, ...sections] = before.split(/\n(?=## )/);
  const key = text.slice(0, text.indexOf(")") + 1);
  const others = sections.filter((section) => !section.startsWith(key)).map((section) => section.trimEnd());
  const all = [...others, text].sort();
  writeFileSync(path, `${[head!.trimEnd(), ...all].join("\n\n")}\n`);
}

function sectionOf(workload: Workload, outcomes: readonly Outcome[]): string {
  const rounds = Math.max(...outcomes.map((one) => one.rounds.length));
  return [
    `## (${workload.id}) ${workload.title}`,
    workload.note,
    tableOf(workload, outcomes).join("\n"),
    ...(workload.remark ? [workload.remark(outcomes).trim()] : []),
    `${new Date().toISOString().slice(0, 10)}, ${rounds} ${rounds === 1 ? "round" : "rounds"}; ${machine()}; ${versionsOf(outcomes)}.`,
    ...outcomes.flatMap(({ contender, error }) => (error ? [`${contender.name}: ${error}`] : [])),
  ].join("\n\n");
}

function machine(): string {
  const [first, ...others] = cpus();
  const memory = (totalmem() / 1e9).toFixed(0);
  return `${first!.model.trim()}${generation()}, ${others.length + 1} cores, ${memory} GB, load ${loadavg()[1]!.toFixed(1)}`;
}

/** Names of server processors don't tell one generation from the next, and PyTorch's bfloat16 differs by it. */
function generation(): string {
  if (!existsSync("/proc/cpuinfo")) return "";
  const facts = readFileSync("/proc/cpuinfo", "utf8");
  const [family, model] = ["cpu family", "model"].map(
    (key) => new RegExp(`^${key}\\s*: (\\d+)$`, "m").exec(facts)?.[1],
  );
  return family && model ? ` (family ${family}, model ${model})` : "";
}

const found = (outcomes: readonly Outcome[]) =>
  outcomes.flatMap(({ rounds }) => rounds.map(({ versions }) => versions));

const versionsOf = (outcomes: readonly Outcome[]) =>
  Object.entries(Object.assign({ attune: version, node: process.versions.node }, ...found(outcomes)))
    .map(([name, version]) => `${name} ${version}`)
    .join(", ");

function tableOf(workload: Workload, outcomes: readonly Outcome[]): string[] {
  const head = [
    ...["", workload.unit, "least … greatest", "tokens/s", "first step begins, s", "ends, s", "peak, GB"],
    ...["rate ÷ TRL's", "memory ÷ TRL's", "losses apart"],
  ];
  const most = Math.max(...outcomes.map(({ rounds }) => rounds.length));
  const rows = outcomes.map((outcome) => cellsOf(workload, outcome, outcomes, most));
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
}

function cellsOf(workload: Workload, outcome: Outcome, all: readonly Outcome[], most: number): string[] {
  const { contender, rounds } = outcome;
  if (rounds.length === 0) return [contender.name, ...Array.from({ length: 9 }, () => "–")];
  const rates = rounds.map((one) => workload.rate(one));
  const rate = (one: Outcome) => medianOf(one.rounds, workload.rate);
  const references = all.filter(
    (other) =>
      other.contender.side === "TRL" && other.contender.group === contender.group && other.rounds.length > 0,
  );
  const tokens = medianOf(rounds, tokensPerSecond);
  const often = rounds.length < most ? ` (${rounds.length} of ${most} rounds)` : "";
  return [
    contender.name + often,
    digits(median(rates)),
    `${digits(Math.min(...rates))} … ${digits(Math.max(...rates))}`,
    tokens > 0 ? digits(tokens) : "–",
    digits(medianOf(rounds, ({ firstStepBegins }) => firstStepBegins)),
    digits(medianOf(rounds, ({ firstStepEnds }) => firstStepEnds)),
    (medianPeak(outcome) / 1e9).toFixed(2),
    ...(references.length === 0
      ? ["–", "–"]
      : [
          (median(rates) / Math.max(...references.map(rate))).toFixed(2),
          (medianPeak(outcome) / Math.min(...references.map(medianPeak))).toFixed(2),
        ]),
    lossesApart(outcome, all),
  ];
}

const tokensPerSecond = ({ steps }: Measured) => {
  const steady = steps.length > 1 ? steps.slice(1) : steps;
  const sum = (of: (step: (typeof steps)[number]) => number) => steady.reduce((n, step) => n + of(step), 0);
  return sum(({ tokens }) => tokens) / sum(({ seconds }) => seconds);
};

/** Greatest relative difference from the float32 reference of the same group. */
function lossesApart({ contender, rounds }: Outcome, all: readonly Outcome[]): string {
  const reference = all.find(
    ({ contender: other, rounds }) =>
      other.side === "TRL" &&
      other.group === contender.group &&
      !other.ownLosses &&
      other.name.includes("float32") &&
      rounds.length > 0,
  );
  if (!reference || contender.ownLosses || reference.contender === contender) return "–";
  const [own, theirs] = [rounds[0]!.steps, reference.rounds[0]!.steps];
  const apart = own.map(({ loss }, i) => Math.abs(loss! / theirs[i]!.loss! - 1));
  return apart.every(Number.isFinite) ? Math.max(...apart).toExponential(1) : "–";
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const medianOf = (rounds: readonly Measured[], of: (one: Measured) => number) => median(rounds.map(of));

/** Bytes. */
export const medianPeak = ({ rounds }: Outcome): number => medianOf(rounds, ({ peakBytes }) => peakBytes);

/** Three digits that say something. */
const digits = (value: number) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
