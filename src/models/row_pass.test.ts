import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { compile } from "../testing/evaluate.ts";
import { goldenPath, goldenTensorEntries, maxDifference } from "../testing/goldens.ts";
import { readModel } from "./families.ts";
import { frozenParameters } from "./frozen.ts";
import { rowPass } from "./row_pass.ts";
import { createScope } from "./scope.ts";

interface Row {
  tokens: number[];
  positions: number[];
  ends: number[];
}

async function open(name: string, block?: number) {
  const path = goldenPath(name);
  const config = JSON.parse(readFileSync(`${path}/config.json`, "utf8"));
  const scope = createScope(frozenParameters(await goldenTensorEntries(path)));
  const { hidden } = readModel(config).decode(scope, rowPass({ block }));
  const { run, release } = await compile({ hidden });
  return {
    release,
    /** Hidden states of each token. */
    async hidden(row: Row): Promise<number[][]> {
      const vector = (data: number[]) => ({ shape: [data.length], data });
      const feeds = { ...row, index: row.tokens.map((_, i) => i) };
      const { hidden } = await run(
        Object.fromEntries(Object.entries(feeds).map(([key, v]) => [key, vector(v)])),
      );
      const [T, D] = hidden!.shape as [number, number];
      return Array.from({ length: T }, (_, t) => hidden!.data.slice(t * D, (t + 1) * D));
    },
  };
}

const tokens = (count: number, from: number) =>
  Array.from({ length: count }, (_, i) => 5 + ((from + 7 * i) % 300));
const alone = (sequence: number[]): Row => ({
  tokens: sequence,
  positions: sequence.map((_, i) => i),
  ends: sequence.map(() => sequence.length),
});

/** Measured: 1.1e-6. */
const TOLERANCE = 5e-6;

// Longer than mistral-window's window of 8, before and after the branches part.
const [prompt, yes, no] = [tokens(12, 0), tokens(11, 50), tokens(11, 120)] as const;

// Prompt and branches are longer than the windows of 8 and the short lengths of 16.
const NAMES = [
  "lfm2",
  "gemma2",
  "gemma3_text",
  "gemma3n_text",
  "gemma4_text",
  "gpt2",
  "gpt_neox",
  "phi3-longrope",
  "llama-dynamic",
  "gpt_oss",
];
const paths = ["models/llama-gqa", "models/mistral-window", ...NAMES.map((name) => `families/${name}`)];

describe.each(paths)("%s: a row's sequences don't see each other", (name) => {
  test("side by side", async () => {
    const { hidden, release } = await open(name);
    const sequences = [[...prompt, ...yes], no, [...no, ...prompt]];
    const ends = sequences.map((_, i) => sequences.slice(0, i + 1).flat().length);
    const packed = await hidden({
      tokens: sequences.flat(),
      positions: sequences.flatMap((sequence) => sequence.map((_, i) => i)),
      ends: sequences.flatMap((sequence, i) => sequence.map(() => ends[i]!)),
    });
    const separate: number[][] = [];
    for (const sequence of sequences) separate.push(...(await hidden(alone(sequence))));
    await release();
    expect(maxDifference(packed.flat(), separate.flat())).toBeLessThan(TOLERANCE);
  });

  test("and are the same in blocks of queries", async () => {
    const [P, Y, N] = [prompt.length, yes.length, no.length];
    const row = {
      tokens: [...prompt, ...yes, ...no],
      positions: [...prompt.keys(), ...yes.map((_, i) => P + i), ...no.keys()],
      ends: [...prompt, ...yes].map(() => P + Y).concat(no.map(() => P + Y + N)),
    };
    const [whole, inBlocks] = [await open(name), await open(name, 8)];
    expect(maxDifference((await inBlocks.hidden(row)).flat(), (await whole.hidden(row)).flat())).toBeLessThan(
      TOLERANCE,
    );
    await whole.release();
    await inBlocks.release();
  });

  test("nor do branches of a common prompt, which both see it", async () => {
    const { hidden, release } = await open(name);
    const [P, Y, N] = [prompt.length, yes.length, no.length];
    const tree = await hidden({
      tokens: [...prompt, ...yes, ...no],
      positions: [...prompt.keys(), ...yes.map((_, i) => P + i), ...no.map((_, i) => P + i)],
      ends: [...prompt.map(() => P + Y + N), ...yes.map(() => P + Y), ...no.map(() => P + Y + N)],
    });
    const [first, second] = [
      await hidden(alone([...prompt, ...yes])),
      await hidden(alone([...prompt, ...no])),
    ];
    await release();
    expect(maxDifference(tree.slice(0, P + Y).flat(), first.flat())).toBeLessThan(TOLERANCE);
    expect(maxDifference(tree.slice(P + Y).flat(), second.slice(P).flat())).toBeLessThan(TOLERANCE);
  });
});
