import { type DropoutWords, dropout } from "../graph/ops/dropout.ts";
import { add, mul } from "../graph/ops/elementwise.ts";
import { matmul } from "../graph/ops/matmul.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { LinearHook } from "../models/scope.ts";
import { mersenneTwister } from "../random/mersenne_twister.ts";
import { AttuneError } from "../text/errors.ts";
import type { LoraAdapter, LoraWeights, VeraAdapter } from "./adapter.ts";
import { layerSettingFaults } from "./lora/lora_config.ts";
import type { LayerShape } from "./targets/sites.ts";

/**
 * Vector-based random matrix adaptation (Kopiczko et al. 2023, https://arxiv.org/abs/2310.11454):
 * y = W·x + b ⊙ B·(d ⊙ A·x), with vectors b and d trained for each layer, and one random pair A, B for all of them, of which
 * a layer uses its first columns and rows. Names are PEFT's.
 */
export interface VeraConfig {
  type: "vera";
  r: number;
  /** Probability with which an input of A is zeroed in training; the rest is divided by 1 − dropout. */
  dropout: number;
  /** Endings of module names, or a regular expression for whole names, or "all-linear"; PEFT's choice for the family when left out. */
  targetModules?: string[] | string;
  /** What d begins as; b begins as zero. */
  dInitial: number;
  /** Seed of A and B. */
  projectionPrngKey: number;
  /** Whether the files hold A and B; otherwise they are drawn again from the seed. */
  saveProjection: boolean;
  /** Numbers of the layers that get an adapter, all when left out. */
  layersToTransform?: number[] | number;
  /** Names under which a model keeps its layers: `layers`, `h`. */
  layersPattern?: string[] | string;
  /** Biases that are trained as well. */
  bias?: "none" | "all" | "vera_only";
  /** Modules trained whole: those whose name ends so. */
  modulesToSave?: string[];
  /** The base keeps its weights as [in, out]: PEFT notes it, and the base's family knows it. */
  fanInFanOut?: boolean;
}

export interface VeraWeights {
  d: Float32Array; // [r]
  b: Float32Array; // [out]
}

/** What all modules share: A [r, in], B [out, r], as wide and as high as the largest of them. */
export interface Projections {
  A: Float32Array;
  B: Float32Array;
  r: number;
  in: number;
  out: number;
}

export interface VeraTerm {
  A: Tensor;
  B: Tensor;
  d: Tensor;
  b: Tensor;
  /** Dropout of the term's input, while training. */
  dropout?: { p: number; words: DropoutWords };
}

/** Where a module has a term, y [T, out] plus it. */
export const veraHook =
  (termOf: (module: string, sizes: { in: number; out: number }) => VeraTerm | undefined): LinearHook =>
  (module, x, y) => {
    const term = termOf(module, { in: x.shape.at(-1) as number, out: y.shape.at(-1) as number });
    if (!term) return y;
    const kept = term.dropout ? dropout(x, term.dropout.p, term.dropout.words) : x;
    const low = mul(matmul(kept, term.A, { transB: true }), term.d); // [T, r]
    return add(y, mul(matmul(low, term.B, { transB: true }), term.b));
  };

/** @throws AttuneError that names every setting out of its range; `where` says whose settings they are. */
export function checkVeraConfig(config: VeraConfig, where: string): void {
  const {
    r,
    dropout: p,
    dInitial,
    projectionPrngKey,
    targetModules,
    layersToTransform,
    layersPattern,
  } = config;
  const faults: string[] = [];
  if (!(Number.isSafeInteger(r) && r >= 1 && r <= MOST_R))
    faults.push(`r must be a whole number from 1 to ${MOST_R}, got ${r}`);
  if (!(p >= 0 && p < 1)) faults.push(`dropout must be from 0 to below 1, got ${p}`);
  if (!Number.isFinite(dInitial)) faults.push(`dInitial must be a number, got ${dInitial}`);
  if (!(Number.isSafeInteger(projectionPrngKey) && projectionPrngKey >= 0))
    faults.push(`projectionPrngKey must be a whole number from 0 on, got ${projectionPrngKey}`);
  faults.push(...layerSettingFaults({ targetModules, layersToTransform, layersPattern }));
  if (faults.length > 0) throw new AttuneError(`${where}: ${faults.join("; ")}.`);
}

const MOST_R = 65_536;

/**
 * A and B as PEFT draws them (tuners/vera/model.py): uniform over ±√(6 / columns), A before B, from PyTorch's generator
 * on the CPU, value for value where that multiplies and adds in one step.
 */
export function drawProjections(seed: number, sizes: Pick<Projections, "r" | "in" | "out">): Projections {
  const next = mersenneTwister(seed);
  const draw = (rows: number, columns: number) => {
    const bound = Math.sqrt(3) * (Math.SQRT2 / Math.sqrt(columns));
    const [from, to] = [Math.fround(-bound), Math.fround(bound)];
    const range = Math.fround(to - from);
    const drawn = new Float32Array(rows * columns);
    for (let i = 0; i < drawn.length; i++) drawn[i] = ((next() & 0xffffff) / 2 ** 24) * range + from;
    return drawn;
  };
  return { ...sizes, A: draw(sizes.r, sizes.in), B: draw(sizes.out, sizes.r) };
}

/** The first `columns` of each of A's rows: [r, columns]. */
export function firstColumnsOfA({ A, r, in: width }: Projections, columns: number): Float32Array {
  if (columns === width) return A;
  const first = new Float32Array(r * columns);
  for (let k = 0; k < r; k++) first.set(A.subarray(k * width, k * width + columns), k * columns);
  return first;
}

/** The first `rows` of B: [rows, r]. */
export const firstRowsOfB = ({ B, r }: Projections, rows: number): Float32Array => B.subarray(0, rows * r);

/** The same as a LoRA adapter, of scale 1, over layers of these shapes: A' = d ⊙ A, B' = b ⊙ B. */
export function veraAsLora(adapter: VeraAdapter, layers: ReadonlyMap<string, LayerShape>): LoraAdapter {
  const { config, modules, projections, ...common } = adapter;
  const { type: _, dInitial, projectionPrngKey, saveProjection, bias, ...settings } = config;
  return {
    ...common,
    config: {
      ...settings,
      type: "lora",
      alpha: config.r,
      ...(bias && { bias: bias === "vera_only" ? "lora_only" : bias }),
    },
    modules: new Map(
      [...modules].map(([module, weights]) => [
        module,
        termAsLora(weights, projections!, layers.get(module)!.in),
      ]),
    ),
  };
}

function termAsLora({ d, b }: VeraWeights, projections: Projections, inputs: number): LoraWeights {
  const { r } = projections;
  return {
    r,
    in: inputs,
    out: b.length,
    A: firstColumnsOfA(projections, inputs).map((value, at) => value * d[Math.floor(at / inputs)]!),
    B: firstRowsOfB(projections, b.length).map((value, at) => value * b[Math.floor(at / r)]!),
  };
}
