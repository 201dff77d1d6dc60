import { describeOrigin } from "../data/example.ts";
import type { TokenSequence } from "../data/tokenize/token_sequence.ts";
import { AttuneError } from "../text/errors.ts";
import type { Engine } from "./engine.ts";

/** What isn't a number, and whether the step that found it comes after an update. */
export interface NotFinite {
  step: number;
  what: string;
  value: number;
  isUpdated: boolean;
  /** Whether it was computed in float16. */
  inHalf?: boolean;
  /** Looks for a weight that isn't a number. */
  spoiledWeight?: () => Promise<AttuneError | undefined>;
}

/** A weight of the base is at fault, or the examples, or, after an update, the learning rate. */
export async function notFinite(
  { step, what, value, isUpdated, inHalf, spoiledWeight }: NotFinite,
  examples: readonly TokenSequence[],
): Promise<AttuneError> {
  const spoiled = await spoiledWeight?.();
  if (spoiled) return spoiled;
  const shown = examples.slice(0, 5).map(({ origin }) => describeOrigin(origin));
  if (examples.length > shown.length) shown.push(`and ${examples.length - shown.length} more`);
  const at = shown.length > 0 ? `, at ${shown.join(", ")}` : "";
  return new AttuneError({
    code: "training.not-finite",
    place: `step ${step}`,
    problem: `the ${what} is ${value}${at}. Earlier checkpoints and metrics are kept`,
    wayOut: wayOutOf(isUpdated, inHalf),
  });
}

function wayOutOf(isUpdated: boolean, inHalf = false): string {
  if (inHalf) return "Leave compute out: float16 ends at 65504, and float32 holds what is larger";
  return isUpdated
    ? "Lower training.learningRate, or look at these examples"
    : "Look at these examples: the base alone makes this of them";
}

/** An example that breaks takes those along that share its row: which one it is shows when each is computed alone. */
export async function culprits(
  engine: Pick<Engine, "evaluate">,
  batch: readonly TokenSequence[],
  broken: readonly number[],
): Promise<TokenSequence[]> {
  const suspects = broken.map((i) => batch[i]!);
  const alone: TokenSequence[] = [];
  for (const suspect of suspects) {
    const { loss } = await engine.evaluate([suspect]);
    if (!Number.isFinite(loss)) alone.push(suspect);
  }
  return alone.length > 0 ? alone : suspects;
}
