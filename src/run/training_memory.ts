import { totalmem } from "node:os";
import type { Model } from "../models/family.ts";
import { countParameters } from "../models/layout.ts";
import { AttuneError } from "../text/errors.ts";

/** Of a weight that is trained: its value, its gradient, and AdamW's two moments, float32 each. */
const BYTES_A_WEIGHT = 16;

/**
 * Refuses to make a model's weights, and what their training takes, where this machine has less memory than that.
 * @throws AttuneError that says how much it would take.
 */
export function requireTrainingMemory(model: Model, path: string): void {
  const { numbers, isWhole } = countParameters(model);
  const [needed, there] = [numbers * BYTES_A_WEIGHT, physicalMemory()];
  if (isWhole && needed <= there) return;
  const few = isWhole ? "" : "more than ";
  throw new AttuneError({
    code: "run.no-memory",
    place: path,
    problem:
      `config.json describes a model of ${few}${short(numbers)} weights; to train them takes ${few}${gigabytes(needed)} ` +
      `(${BYTES_A_WEIGHT} bytes a weight), and this machine has ${gigabytes(there)}`,
    wayOut: "Choose smaller sizes: hidden_size, num_hidden_layers, intermediate_size, vocab_size",
  });
}

/** What this process may use, where it runs under a limit. */
const physicalMemory = () => Math.min(process.constrainedMemory() || Infinity, totalmem());

const gigabytes = (bytes: number) => `${short(bytes / 1e9)} GB`;

/** In three digits: "7.24 billion" is clearer than ten figures. */
const short = (n: number) =>
  new Intl.NumberFormat("en", {
    notation: "compact",
    compactDisplay: "long",
    maximumSignificantDigits: 3,
  }).format(n);
