import * as z from "zod";
import type { SequenceStore } from "../data/batches/sequence_store.ts";
import { bytesInMemory } from "../files/byte_source.ts";
import { contentBytes, openSafetensors, safetensorsContent } from "../files/safetensors.ts";
import { AttuneError } from "../text/errors.ts";
import type { Moments } from "../training/adamw.ts";
import { checkpointArrays, restoreArrays } from "../training/checkpoint_arrays.ts";
import type { Progress } from "../training/loop.ts";
import { LossScale } from "../training/loss_scale.ts";
import { type SettledRecipe, storedRecipe } from "../training/recipe.ts";
import type { Trainable } from "../training/trainable.ts";

interface Parts {
  recipe: SettledRecipe;
  stores: readonly SequenceStore[];
  trainables: readonly Trainable[];
  moments: readonly Moments[];
}

const State = z.strictObject({
  recipe: z.string(),
  data: z.string(),
  progress: z.strictObject({
    step: z.int().nonnegative(),
    bestEvalLoss: z.number().nullable(),
    bestStep: z.int().nonnegative(),
    evaluationsWithoutGain: z.int().nonnegative(),
    lossScale: LossScale.optional(),
  }),
});

/** A checkpoint as one safetensors file. */
export function writeMemoryCheckpoint(
  progress: Progress,
  { recipe, stores, trainables, moments }: Parts,
): Promise<Uint8Array> {
  const arrays = checkpointArrays(trainables, moments).map(({ data, ...array }) => ({
    ...array,
    dtype: "F32" as const,
    data: () => data,
  }));
  const state: z.output<typeof State> = { recipe: recipeText(recipe), data: fingerprint(stores), progress };
  return contentBytes(safetensorsContent(arrays, { attune: JSON.stringify(state) }));
}

export interface MemoryCheckpoint {
  progress: Progress;
  restore(trainables: readonly Trainable[], moments: readonly Moments[]): Promise<void>;
}

/** @throws AttuneError when it is damaged, or of another recipe or other rows. */
export async function readMemoryCheckpoint(
  bytes: Uint8Array,
  recipe: SettledRecipe,
  stores: readonly SequenceStore[],
): Promise<MemoryCheckpoint> {
  const { tensors, metadata } = await openSafetensors(bytesInMemory(bytes), "checkpoint");
  const { progress, ...origin } = parseState(metadata.attune);
  const changed = [
    ...(origin.recipe === recipeText(recipe) ? [] : ["the recipe"]),
    ...(origin.data === fingerprint(stores) ? [] : ["the data"]),
  ];
  if (changed.length > 0)
    throw new AttuneError({
      code: "run.origin-changed",
      place: "checkpoint",
      problem: `its run can't go on, as these have changed since step ${progress.step}: ${changed.join(", ")}`,
      wayOut: "Put back what was there, or begin without the checkpoint",
    });
  return {
    progress,
    restore: (trainables, moments) => restoreArrays(tensors, "checkpoint", trainables, moments),
  };
}

function parseState(text: string | undefined): z.output<typeof State> {
  let value: unknown;
  try {
    value = JSON.parse(text ?? "");
  } catch {}
  const parsed = State.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new AttuneError({
    code: "run.foreign-checkpoint",
    place: "checkpoint",
    problem: "it isn't one of attune's, or another version wrote it",
    wayOut: "Begin without it",
  });
}

const recipeText = (recipe: SettledRecipe) => JSON.stringify(storedRecipe(recipe));

/** Of all tokens and label weights, FNV-1a over 32-bit words: it tells an accident, not an attack. */
function fingerprint(stores: readonly SequenceStore[]): string {
  let hash = 0x811c_9dc5;
  const add = (words: ArrayLike<number>) => {
    for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ words[i]!, 0x0100_0193);
  };
  for (const store of stores)
    for (let i = 0; i < store.length; i++) {
      const { tokens, labelWeights } = store.at(i);
      add([tokens.length]);
      add(tokens);
      add(new Int32Array(labelWeights.slice().buffer));
    }
  return (hash >>> 0).toString(16);
}
