/**
 * Kills attune's commands at random moments, half of them while files are being written, and looks at what is left: each
 * result is whole or not there, and the same command, given again, ends with the bytes of one that was never killed.
 */
import { deepStrictEqual } from "node:assert";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startCli } from "../cli/testing/run_cli.ts";
import { readSafetensorsHeader } from "../files/safetensors_file.ts";
import { isTemporaryName } from "../files/temporary_name.ts";
import { readCheckpoints } from "../files/training_checkpoint.ts";
import { randomUniform } from "../random/random.ts";
import type { RecipeInput } from "../training/recipe.ts";
import { goldenPath } from "./goldens.ts";

/** A command, what it makes, and what else must hold of that whenever it is killed. */
interface Victim {
  words: string[];
  /** Its result: a directory that is whole or not there; a run's grows in parts, which are. */
  result: string;
  /** Bytes of the result that may not depend on kills, by name. */
  remains: () => Record<string, string>;
  /** @throws when something is left half-done. */
  check: () => Promise<void> | void;
  /** Whether a killed one is begun anew, or goes on. */
  anew: boolean;
}

export interface Kills {
  seed: number;
  count: number;
  /** An empty directory to work in. */
  directory: string;
  /** Called for each kill. */
  tell?: (line: string) => void;
}

export const VICTIMS = ["train", "train all weights", "merge", "quantize", "combine"] as const;
export type VictimName = (typeof VICTIMS)[number];

/** @throws when a kill left something half-done, or the end differs from that of the command that was never killed. */
export async function killOften(name: VictimName, { seed, count, directory, tell }: Kills): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const victim = victimOf(name, directory);
  const began = performance.now();
  await toItsEnd(victim);
  const duration = performance.now() - began;
  const whole = victim.remains();
  clear(victim);
  for (let kills = 0, tries = 0; kills < count; tries++) {
    const moment = momentOf((i) => randomUniform(seed, name, tries, i), duration);
    const killed = await killAt(victim, moment);
    await victim.check();
    if (killed) kills++;
    tell?.(`${name} ${kills}/${count}: ${killed ? "killed" : "ended before"} ${describe(moment)}`);
    if (killed && !victim.anew && kills < count) continue;
    if (!victim.anew || !existsSync(victim.result)) await toItsEnd(victim); // else it is whole already
    deepStrictEqual(
      victim.remains(),
      whole,
      `${name}, seed ${seed}: what remains differs after ${kills} kills`,
    );
    clear(victim);
  }
}

interface Moment {
  /** Files or directories that are begun to be written before; 0 for any time. */
  writes: number;
  /** Milliseconds after that, or after the start. */
  delay: number;
}

function momentOf(random: (i: number) => number, duration: number): Moment {
  if (random(0) < 0.5) return { writes: 0, delay: duration * random(1) };
  return { writes: 1 + Math.floor(12 * random(1) ** 2), delay: 8 * random(2) ** 2 };
}

const describe = ({ writes, delay }: Moment) =>
  writes === 0 ? `at ${delay.toFixed(0)} ms` : `${delay.toFixed(1)} ms into write ${writes}`;

/** @returns false when it had ended */
async function killAt({ words, result }: Victim, { writes, delay }: Moment): Promise<boolean> {
  const running = startCli(words);
  let hasEnded = false;
  const ended = running.ended.then((end) => {
    hasEnded = true;
    if (end.code !== null && end.code !== 0) throw new Error(`${words.join(" ")}: ${end.stderr}`);
  });
  const seen = new Set<string>();
  while (!hasEnded && writes > 0 && seen.size < writes) {
    for (const path of temporaries(result)) seen.add(path);
    await sleep(1);
  }
  if (!hasEnded) await Promise.race([sleep(delay), ended]);
  const killed = !hasEnded && running.process.kill("SIGKILL");
  await ended;
  return killed;
}

/** What is being written in the directory, beside it or in its own. */
function temporaries(result: string): string[] {
  const directories = [join(result, ".."), result, join(result, "checkpoints")];
  return directories.flatMap((directory) => namesIn(directory).filter(isTemporaryName));
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

async function toItsEnd({ words, result }: Victim): Promise<void> {
  const { code, stderr } = await startCli(words).ended;
  if (code !== 0) throw new Error(`${words.join(" ")} ends with ${code}: ${stderr}`);
  const left = temporaries(result);
  if (left.length > 0) throw new Error(`${words.join(" ")} left ${left.join(", ")}`);
}

const clear = ({ result }: Victim) => rmSync(result, { recursive: true, force: true });

const MODEL = goldenPath("models/llama-gqa");
const ADAPTER = goldenPath("training/llama-gqa-lora-qv");

function victimOf(name: VictimName, directory: string): Victim {
  const out = join(directory, "out");
  const written = (words: string[]): Victim => ({
    words: [...words, "--out", out],
    ...wholeOrNot(out),
    anew: true,
  });
  switch (name) {
    case "train":
      return run(directory, { adapter: { type: "lora", r: 4, dropout: 0.2 } });
    case "train all weights":
      return run(directory, {});
    case "merge":
      return written(["merge", "--model", MODEL, "--adapter", `${ADAPTER}/final`]);
    case "quantize":
      return written(["quantize", "--model", MODEL, "--type", "nf4"]);
    case "combine":
      return written(["adapter", "combine", "-a", `${ADAPTER}/final=0.5`, "-a", `${ADAPTER}/initial=2`]);
  }
}

/** Whatever is there must be what the first one, never killed, was. */
function wholeOrNot(result: string): Pick<Victim, "result" | "remains" | "check"> {
  let whole: Record<string, string> | undefined;
  const remains = () => digests(result);
  return {
    result,
    remains() {
      whole ??= remains();
      return remains();
    },
    check() {
      if (existsSync(result)) deepStrictEqual(remains(), whole, `${result} is not whole`);
    },
  };
}

/** All that a resume could lose is on: dropout, shuffling, warm-up, a best loss; and it saves often. */
function run(directory: string, method: Partial<RecipeInput>): Victim {
  const output = join(directory, "run");
  const recipe: RecipeInput = {
    ...method,
    model: MODEL,
    data: [{ path: goldenPath("data/alpaca.json") }],
    evaluation: { fraction: 0.1, every: 3 },
    training: {
      maxSteps: 16,
      batchSize: 4,
      maxLength: 64,
      learningRate: 3e-3,
      warmupRatio: 0.1,
      saveEvery: 2,
    },
    output,
  };
  const file = join(directory, "recipe.json");
  writeFileSync(file, JSON.stringify(recipe));
  return {
    words: ["train", file, "--threads", "1"],
    result: output,
    anew: false,
    remains() {
      const files = Object.entries(digests(output)).filter(([name]) => !CLOCKED.includes(name));
      return { ...Object.fromEntries(files), metrics: metricsOf(output).join("\n") };
    },
    async check() {
      const { damaged } = await readCheckpoints(output);
      deepStrictEqual(damaged, []);
      metricsOf(output);
      for (const file of Object.keys(digests(output)).filter((name) => !isTemporaryName(name.split("/")[0]!)))
        if (file.endsWith(".safetensors")) await readSafetensorsHeader(join(output, file));
    },
  };
}

/** Lines of metrics.jsonl but for what the clock says. A last line without its end doesn't count. */
function metricsOf(output: string): string[] {
  const file = join(output, "metrics.jsonl");
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
  return lines.map((line) => {
    const { seconds: _, tokensPerSecond: __, ...rest } = JSON.parse(line);
    return JSON.stringify(rest);
  });
}

function digests(directory: string): Record<string, string> {
  if (!existsSync(directory)) return {};
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((e) => join(e.parentPath, e.name));
  const digest = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");
  return Object.fromEntries(files.sort().map((file) => [file.slice(directory.length + 1), digest(file)]));
}

/** Files of a run that hold what the clock says. */
const CLOCKED = ["metrics.jsonl", "run.json", "summary.json", "report.html"];
