import { dropoutFeeds } from "./dropout_words.ts";
import type { RowFeeds } from "./engine.ts";
import { neftuneFeeds } from "./neftune.ts";
import type { SettledRecipe } from "./recipe.ts";

/** What the rows of a step are fed for all that is random while training: functions of (seed, step) and the tokens. */
export function randomFeeds(
  { seed, training }: Pick<SettledRecipe, "seed" | "training">,
  { dropout }: { dropout: number },
): (step: number) => RowFeeds {
  return (step) => (row) => ({
    ...(dropout > 0 && dropoutFeeds(row, seed, step)),
    ...(training.neftuneNoiseAlpha && neftuneFeeds(row, seed, step)),
  });
}
