/**
 * Vector-based random matrix adaptation (Kopiczko et al. 2023, https://arxiv.org/abs/2310.11454):
 * y = W·x + b ⊙ B·(d ⊙ A·x), with vectors b and d trained for each layer, and one random pair A, B for all of them, of which
 * a layer uses its first columns and rows. Names are PEFT's.
 */
import * as z from "zod";
import type { TensorEntry, TensorSource } from "../../files/safetensors.ts";
import { dropout as dropoutOp } from "../../graph/ops/dropout.ts";
import { add, mul } from "../../graph/ops/elementwise.ts";
import { matmul } from "../../graph/ops/matmul.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { LinearHook } from "../../models/scope.ts";
import { mersenneTwister } from "../../random/mersenne_twister.ts";
import { AttuneError, type Fault, withProblems } from "../../text/errors.ts";
import type { Adapter } from "../adapter.ts";
import { PREFIX } from "../peft/tensor_names.ts";
import {
  bias,
  type ConfigOf,
  dropoutSetting,
  fanInFanOut,
  flag,
  layersPattern,
  layersToTransform,
  modulesToSave,
  rank,
  recipeSchema,
  targetModules,
  usual,
} from "../settings.ts";
import { VERA_TARGETS } from "../targets/default_targets.ts";
import { adaptedShapes, type LayerShape, type Sites } from "../targets/sites.ts";
import { layerSettingFaults } from "../targets/target_modules.ts";
import { fed, fixed, made } from "./graph_terms.ts";
import type {
  Dropout,
  FileTerm,
  Kind,
  ModuleTensor,
  PartSources,
  ReadTensor,
  Shaped,
  SharedTensors,
} from "./kind.ts";
import { type LoraAdapter, type LoraWeights, lora } from "./lora.ts";

const settings = {
  r: usual(rank, 256, "Rank of the shared random matrices."),
  dInitial: usual(z.number(), 0.1, "What the vectors d begin as; b begins as zero."),
  dropout: dropoutSetting("vera_dropout"),
  targetModules: targetModules("Which linear layers: as LoRA's."),
  projectionPrngKey: usual(
    z.int().nonnegative(),
    0,
    "Seed of the random matrices, which are PEFT's for the same seed.",
  ),
  saveProjection: usual(
    flag,
    true,
    "Keep the random matrices in the adapter's file; otherwise they are drawn again.",
    { keepsOff: true },
  ),
  layersToTransform,
  layersPattern,
  bias: bias("vera_only"),
  modulesToSave,
  fanInFanOut,
};

export type VeraConfig = ConfigOf<"vera", typeof settings>;

const schema = recipeSchema(
  "vera",
  settings,
  "Two vectors a layer around one pair of random matrices: VeRA (Kopiczko et al. 2023). Learns at rates around 1e-2.",
);

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

export interface VeraAdapter extends Adapter<VeraConfig, VeraWeights> {
  /** Left out by files that expect it to be drawn again. */
  projections?: Projections;
}

interface VeraTerm {
  A: Tensor;
  B: Tensor;
  d: Tensor;
  b: Tensor;
  dropout?: Dropout;
}

const namesOf = (module: string) => ({ d: `${module}.vera_lambda_d`, b: `${module}.vera_lambda_b` });
const [NAME_A, NAME_B] = ["base_model.vera_A", "base_model.vera_B"] as const;

/** What PEFT 0.21 writes for an adapter that uses nothing beyond it. */
const DEFAULTS = {
  auto_mapping: null,
  base_model_name_or_path: null,
  bias: "none",
  d_initial: 0.1,
  fan_in_fan_out: false,
  inference_mode: true,
  init_weights: true,
  layers_pattern: null,
  layers_to_transform: null,
  modules_to_save: null,
  peft_type: "VERA",
  peft_version: "0.21.0",
  projection_prng_key: 0,
  r: 256,
  revision: null,
  save_projection: true,
  target_modules: null,
  task_type: "CAUSAL_LM",
  vera_dropout: 0,
};

export const vera = {
  type: "vera",
  schema,
  settings,
  file: { defaults: DEFAULTS, ignored: ["init_weights"], floats: ["d_initial", "vera_dropout"] },
  adaptsEnds: false,
  defaults: VERA_TARGETS,
  check(config, where) {
    const faults = layerSettingFaults(config);
    if (faults.length > 0)
      throw new AttuneError(
        withProblems(
          { code: "adapters.contradiction", place: where, problem: "some settings contradict each other" },
          faults,
        ),
      );
  },
  learningRate: 1e-2, // Kopiczko et al. 2024, in the order of magnitude
  nameOf: () => "VeRA",
  describe: ({ r }) => `VeRA, r ${r}`,

  async start({ config, sites, targets }) {
    const shapes = adaptedShapes(sites, targets);
    const { r, dInitial, projectionPrngKey } = config;
    const begin = ({ out }: LayerShape) => ({
      d: new Float32Array(r).fill(dInitial),
      b: new Float32Array(out),
    });
    return {
      modules: new Map(Array.from(shapes, ([module, shape]) => [module, begin(shape)])),
      projections: drawProjections(projectionPrngKey, { r, ...largest([...shapes.values()]) }),
    };
  },

  tensors: {
    of: tensorsOf,
    shape: ({ b }) => ({ out: b.length }),
    parts: { vera_lambda_d: "d", vera_lambda_b: "b" },
    fault,
    read: async ({ parts: { d, b } }, read) => ({ d: await read(d!), b: await read(b!) }),
    shared: sharedTensors(),
  },

  faults: projectionFaults,
  fitted: (adapter, sites) =>
    (adapter as VeraAdapter).projections ? adapter : { ...adapter, projections: drawnFor(adapter, sites) },

  parts: (adapter, sources) => ({ hook: veraHook(termsOf(adapter, sources)) }),
  signature: () => undefined,
  merge: (adapter, base) => lora.merge(asLora(adapter, base.linears), base),
  inverse: (adapter, base) => lora.inverse(asLora(adapter, base.linears)),
} satisfies Kind<VeraConfig, VeraWeights>;

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

/** The sizes that A and B need for layers of these `shapes`. */
const largest = (shapes: readonly LayerShape[]): LayerShape => ({
  in: Math.max(...shapes.map((shape) => shape.in)),
  out: Math.max(...shapes.map(({ out }) => out)),
});

function drawnFor({ config, modules }: VeraAdapter, sites: Sites): Projections {
  const shapes = [...modules.keys()].map((module) => sites.linears.get(module)!);
  return drawProjections(config.projectionPrngKey, { r: config.r, ...largest(shapes) });
}

function projectionFaults(adapter: VeraAdapter, _: VeraConfig, sites: Sites): Fault[] {
  const { modules, projections } = adapter;
  const shapes = [...modules.keys()].flatMap((module) => sites.linears.get(module) ?? []);
  if (!projections || shapes.length === 0) return [];
  const needed = largest(shapes);
  if (projections.in >= needed.in && projections.out >= needed.out) return [];
  const shown = ({ in: inputs, out }: LayerShape) => `[${out}, ${inputs}]`;
  const problem = `the adapter has ${shown(projections)}, the model needs ${shown(needed)}`;
  return [{ code: "adapters.does-not-fit", place: "vera_A and vera_B", problem }];
}

function tensorsOf(module: string, { d, b }: VeraWeights): ModuleTensor[] {
  const names = namesOf(module);
  return [
    { part: "d", name: names.d, shape: [d.length], data: d, rate: "B" },
    { part: "b", name: names.b, shape: [b.length], data: b, rate: "B" },
  ];
}

function fault(module: string, { parts: { d, b } }: FileTerm<Shaped>, { r }: VeraConfig): string | undefined {
  const names = namesOf(module);
  if (!d) return `${PREFIX}${names.d} is missing`;
  if (!b) return `${PREFIX}${names.b} is missing`;
  if (d.shape.join() !== `${r}`) return `${PREFIX}${names.d} must be [${r}], got [${d.shape.join(", ")}]`;
  if (b.shape.length !== 1) return `${PREFIX}${names.b} must be [out], got [${b.shape.join(", ")}]`;
}

function sharedTensors(): SharedTensors<VeraConfig, VeraWeights> {
  return {
    names: [NAME_A, NAME_B],
    faults: sharedFaults,
    async read(adapter, tensors, read) {
      const [A, B] = [tensors.get(NAME_A), tensors.get(NAME_B)];
      return A && B
        ? { ...adapter, projections: await readProjections(A, B, adapter.config.r, read) }
        : adapter;
    },
    write(adapter: VeraAdapter): TensorSource[] {
      if (!adapter.config.saveProjection) return [];
      const { A, B, r, in: inputs, out } = adapter.projections!;
      return [
        { name: NAME_A, dtype: "F32", shape: [r, inputs], data: () => A },
        { name: NAME_B, dtype: "F32", shape: [out, r], data: () => B },
      ];
    },
  };
}

async function readProjections(
  A: TensorEntry,
  B: TensorEntry,
  r: number,
  read: ReadTensor,
): Promise<Projections> {
  return { r, in: A.shape[1]!, out: B.shape[0]!, A: await read(A), B: await read(B) };
}

function sharedFaults(tensors: ReadonlyMap<string, Shaped>, { r, saveProjection }: VeraConfig): string[] {
  const [A, B] = [tensors.get(NAME_A), tensors.get(NAME_B)];
  if (!saveProjection) return A || B ? ["save_projection is false, and the file holds vera_A or vera_B"] : [];
  if (!A || !B) return [`${A ? NAME_B : NAME_A} is missing, which save_projection announces`];
  const faults: string[] = [];
  if (A.shape.length !== 2 || A.shape[0] !== r)
    faults.push(`${NAME_A} must be [${r}, in] (r is ${r}), got [${A.shape.join(", ")}]`);
  if (B.shape.length !== 2 || B.shape[1] !== r)
    faults.push(`${NAME_B} must be [out, ${r}] (r is ${r}), got [${B.shape.join(", ")}]`);
  return faults;
}

/** A and B are fixed, one tensor for all modules of a width. */
function termsOf(adapter: VeraAdapter, sources: PartSources) {
  const projections = adapter.projections!;
  const { r } = projections;
  const A = remembered((width) => fixed(`vera_A ${width}`, [r, width], firstColumnsOfA(projections, width)));
  const B = remembered((height) => fixed(`vera_B ${height}`, [height, r], firstRowsOfB(projections, height)));
  const own = made(
    adapter.modules,
    (module, weights) => fed(tensorsOf(module, weights)) as { d: Tensor; b: Tensor },
  );
  return (module: string, sizes: LayerShape): VeraTerm | undefined => {
    const vectors = own(module);
    if (!vectors) return undefined;
    return { ...vectors, A: A(sizes.in), B: B(sizes.out), dropout: sources.dropout?.(module, sizes.in) };
  };
}

function remembered<T>(make: (size: number) => T): (size: number) => T {
  const known = new Map<number, T>();
  return (size) => {
    const one = known.get(size) ?? make(size);
    known.set(size, one);
    return one;
  };
}

/** Where a module has a term, y [T, out] plus it. */
const veraHook =
  (termOf: (module: string, sizes: LayerShape) => VeraTerm | undefined): LinearHook =>
  (module, x, y) => {
    const term = termOf(module, { in: x.shape.at(-1) as number, out: y.shape.at(-1) as number });
    if (!term) return y;
    const kept = term.dropout ? dropoutOp(x, term.dropout.p, term.dropout.words) : x;
    const low = mul(matmul(kept, term.A, { transB: true }), term.d); // [T, r]
    return add(y, mul(matmul(low, term.B, { transB: true }), term.b));
  };

/** The first `columns` of each of A's rows: [r, columns]. */
function firstColumnsOfA({ A, r, in: width }: Projections, columns: number): Float32Array {
  if (columns === width) return A;
  const first = new Float32Array(r * columns);
  for (let k = 0; k < r; k++) first.set(A.subarray(k * width, k * width + columns), k * columns);
  return first;
}

/** The first `rows` of B: [rows, r]. */
const firstRowsOfB = ({ B, r }: Projections, rows: number): Float32Array => B.subarray(0, rows * r);

/** The same as a LoRA adapter, of scale 1, over layers of these shapes: A' = d ⊙ A, B' = b ⊙ B. */
function asLora(adapter: VeraAdapter, layers: ReadonlyMap<string, LayerShape>): LoraAdapter {
  const { config, modules, projections, ...common } = adapter;
  const { type: _, dInitial, projectionPrngKey, saveProjection, bias, ...settings } = config;
  const terms = Array.from(modules, ([module, weights]) => {
    const { in: inputs } = layers.get(module)!;
    return [module, termAsLora(weights, projections!, inputs)] as const;
  });
  return { ...common, config: { ...settings, type: "lora", alpha: config.r }, modules: new Map(terms) };
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
