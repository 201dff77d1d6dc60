/** LoRA and its variants: what the rest of attune asks of them. */
import { transpose } from "../../graph/ops/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { transposed } from "../../math/transposed.ts";
import { AttuneError } from "../../text/errors.ts";
import type { Adapter } from "../adapter.ts";
import { expertsHook } from "../lora/experts_term.ts";
import {
  checkLoraConfig,
  checkPatterns,
  checkRanks,
  type LoraConfig,
  loraFile,
  loraSchema,
  loraSettings,
  rankOf,
  scaleOf,
} from "../lora/lora_config.ts";
import { initializeLora, plainLora, startFromWeights } from "../lora/lora_start.ts";
import { type LoraTerm, loraHook, loraNames, type TermSource } from "../lora/lora_term.ts";
import { mergedExperts } from "../lora/merge_experts.ts";
import { PREFIX } from "../peft/tensor_names.ts";
import { LORA_TARGETS } from "../targets/default_targets.ts";
import { adaptedShapes } from "../targets/sites.ts";
import { termOfParameter } from "../targets/target_parameters.ts";
import { fed, fixed, made } from "./graph_terms.ts";
import type {
  AddProduct,
  Change,
  FileTerm,
  Kind,
  LowRankTerm,
  MergeBase,
  ModuleTensor,
  PartSources,
  Refusal,
  Shaped,
  TermTensors,
} from "./kind.ts";

export interface LoraWeights {
  A: Float32Array; // [r, in]
  B: Float32Array; // [out, r]
  r: number;
  in: number;
  out: number;
  /** DoRA's, [out]. */
  magnitude?: Float32Array;
  /** The module is an embedding: in = vocabulary, out = hidden. */
  embedding?: boolean;
  /** It is a parameter of so many experts, each with a term of rank r: A [count·r, in], B [out, r·count], see experts_term.ts. */
  count?: number;
  /** What A and B began as, taken out of the base's weight: PiSSA and OLoRA. Files never hold it. */
  start?: { A: Float32Array; B: Float32Array };
}

export type LoraAdapter = Adapter<LoraConfig, LoraWeights>;

export const isLora = (adapter: Adapter): adapter is LoraAdapter => adapter.config.type === lora.type;

/** @throws AttuneError when `adapter`, which messages call `name`, is of another kind: then it can't be `purpose`. */
export function requireLora(adapter: Adapter, name: string, purpose: string): LoraAdapter {
  if (isLora(adapter)) return adapter;
  throw new AttuneError({
    code: "adapters.other-kind",
    place: name,
    expected: `a LoRA adapter: another can't be ${purpose}`,
    got: `kind ${adapter.config.type}`,
  });
}

export const lora = {
  type: "lora",
  schema: loraSchema,
  settings: loraSettings,
  file: loraFile,
  adaptsEnds: true,
  defaults: LORA_TARGETS,
  check: checkLoraConfig,

  learningRate: 2e-4, // Dettmers et al. 2023 (QLoRA)
  nameOf,

  describe(config) {
    const { useRslora, initLoraWeights, r, alpha } = config;
    const start = typeof initLoraWeights === "string" ? ` from ${initLoraWeights}` : "";
    return `${nameOf(config)}${useRslora ? ", rank-stabilized" : ""}${start}, r ${r}, alpha ${alpha}`;
  },

  checkPlan({ config, sites, targets }, { keepsUnquantized }) {
    if (config.initLoraWeights === "loftq" && !keepsUnquantized)
      throw new AttuneError({
        code: "adapters.loftq-base",
        place: "adapter: initLoraWeights",
        problem: "loftq starts from what quantization loses, so it needs the weights before it",
        wayOut: "Give `quantization`, and a model that isn't quantized yet",
      });
    checkPatterns(config, targets);
    checkRanks(config, adaptedShapes(sites, targets));
  },

  async start({ config, sites, targets }, { base, uniform, onModule }) {
    const modules = initializeLora(adaptedShapes(sites, targets), config, uniform);
    return {
      config: plainStart(config),
      modules: await startFromWeights(modules, config, base, uniform, onModule),
    };
  },

  tensors: tensors(),

  faults({ modules, follows }) {
    if (!follows || !modules.get(follows.embedding)?.magnitude) return [];
    const problem =
      "ensure_weight_tying ties its term, and use_dora's magnitudes are not tied: attune computes one or the other";
    return [{ code: "adapters.does-not-fit", place: follows.embedding, problem }];
  },

  finished: plainLora,
  otherEnd,

  parts(adapter, sources) {
    const term = termsOf(adapter, sources);
    return { hook: loraHook(term), experts: expertsHook(term), term };
  },

  signature(adapter) {
    const known = fedScale(adapter) === undefined;
    const scale = (module: string, r: number) => (known ? scaleOf(adapter.config, module, r) : "");
    const terms = Array.from(adapter.modules, ([module, { r }]) => `${module}:${r}${scale(module, r)}`);
    return `${adapter.follows ? "tied " : ""}${terms.sort().join()}`;
  },

  fedScale,
  lowRank,
  merge: ({ config, modules }, base) =>
    new Map([...modules].flatMap(([module, weights]) => changes(config, module, weights, base))),
  inverse,
} satisfies Kind<LoraConfig, LoraWeights>;

function nameOf({ useDora }: LoraConfig): string {
  return useDora ? "DoRA" : "LoRA";
}

/** LoftQ begins from weights that the finished adapter knows nothing of. */
function plainStart<C extends LoraConfig>({ initLoraWeights, ...config }: C): LoraConfig {
  return initLoraWeights === undefined || initLoraWeights === "loftq"
    ? config
    : { ...config, initLoraWeights };
}

function tensors(): TermTensors<LoraConfig, LoraWeights> {
  return {
    of: tensorsOf,
    shape: ({ in: inputs, out, embedding, count }) => ({ in: inputs, out, embedding, count }),
    parts: {
      "lora_A.weight": "A",
      "lora_B.weight": "B",
      lora_embedding_A: "A",
      lora_embedding_B: "B",
      lora_magnitude_vector: "magnitude",
    },
    hasPart: (part, { useDora }) => part !== "magnitude" || useDora === true,
    hint(name) {
      if (/\.lora_[AB]\.bias$/.test(name)) return "lora_bias is not computed";
      if (name.endsWith(".lora_magnitude_vector")) return "use_dora is false, and this is DoRA's";
    },
    fault,
    async read({ parts: { A, B, magnitude }, embedding, parameter }, read, config) {
      const rows = A!.shape[0]!;
      const r = parameter === undefined ? rows : rankOf(config, parameter);
      return {
        A: await read(A!),
        B: await read(B!),
        r,
        ...(parameter !== undefined && { count: rows / r }),
        in: A!.shape[1]!,
        out: B!.shape[0]!,
        ...(magnitude && { magnitude: await read(magnitude) }),
        ...(embedding && { embedding }),
      };
    },
  };
}

function tensorsOf(module: string, weights: LoraWeights): ModuleTensor[] {
  const { A, B, magnitude, in: inputs, out, embedding } = weights;
  const r = weights.r * (weights.count ?? 1);
  const names = loraNames(module, embedding);
  const rate = embedding ? "embedding" : undefined;
  const both: ModuleTensor[] = [
    { part: "A", name: names.A, shape: [r, inputs], data: A, rate },
    { part: "B", name: names.B, shape: [out, r], data: B, rate: rate ?? "B", scaled: true },
  ];
  if (!magnitude) return both;
  return [...both, { part: "magnitude", name: names.magnitude, shape: [out], data: magnitude, rate: "B" }];
}

function fault(
  module: string,
  { parts, embedding, parameter }: FileTerm<Shaped>,
  config: LoraConfig,
): string | undefined {
  const { A, B, magnitude } = parts;
  const term = parameter === undefined ? module : termOfParameter(parameter, config.targetParameters!);
  const names = loraNames(term, embedding);
  const named = (part: "A" | "B" | "magnitude") => `${PREFIX}${names[part]}`;
  const rank = rankOf(config, module);
  const [rows] = A?.shape ?? [];
  const r = parameter !== undefined && rows !== undefined && rows > 0 && rows % rank === 0 ? rows : rank; // of each expert
  if (!A) return `${named("A")} is missing`;
  if (!B) return `${named("B")} is missing`;
  if (A.shape.length !== 2 || A.shape[0] !== r)
    return `${named("A")} must be [${r}, in] (r is ${rank}), got [${A.shape.join(", ")}]`;
  if (B.shape.length !== 2 || B.shape[1] !== r)
    return `${named("B")} must be [out, ${r}] (r is ${rank}), got [${B.shape.join(", ")}]`;
  if (config.useDora && !magnitude) return `${named("magnitude")} is missing`;
  if (magnitude && magnitude.shape.join() !== `${B.shape[0]}`)
    return `${named("magnitude")} must be [${B.shape[0]}], got [${magnitude.shape.join(", ")}]`;
}

function termsOf({ config, modules, follows }: LoraAdapter, { dropout, scale }: PartSources): TermSource {
  const own = made(modules, (module, weights): LoraTerm => {
    const { A, B, magnitude } = fed(tensorsOf(module, weights)) as {
      A: Tensor;
      B: Tensor;
      magnitude?: Tensor;
    };
    return {
      A,
      B,
      magnitude,
      scale: scale ? scale(module) : scaleOf(config, module, weights.r),
      dropout: weights.embedding ? undefined : dropout?.(module, weights.in),
      start: weights.start && startOf(loraNames(module), weights),
    };
  });
  if (!follows) return own;
  const tied = own(follows.embedding);
  const ofHead = tied && {
    A: transpose(tied.B, [1, 0]),
    B: transpose(tied.A, [1, 0]),
    scale: tied.scale,
    dropout: dropout?.(follows.head, modules.get(follows.embedding)!.out),
  };
  return (module) => (module === follows.head ? ofHead : own(module));
}

/** What A and B began as, fixed. */
function startOf(names: { A: string; B: string }, { start, r, in: inputs, out }: LoraWeights) {
  return {
    A: fixed(`${names.A} start`, [r, inputs], start!.A),
    B: fixed(`${names.B} start`, [out, r], start!.B),
  };
}

/** DoRA's norms need the scales in the graph, and so do weights that a part was taken out of. */
function fedScale({ config, modules }: LoraAdapter) {
  if (config.useDora || [...modules.values()].some(({ start }) => start)) return undefined;
  return (module: string) => scaleOf(config, module, modules.get(module)!.r);
}

/** Terms of embeddings and of experts are no linear layers', and neither is a tied head's that follows. */
function lowRank({ config, modules, follows }: LoraAdapter): Map<string, LowRankTerm> | undefined {
  const isPlain = ({ magnitude, start, embedding, count }: LoraWeights) =>
    !magnitude && !start && !embedding && count === undefined;
  if (follows || ![...modules.values()].every(isPlain)) return undefined;
  const term = (module: string, { A, B, r, in: inputs, out }: LoraWeights): LowRankTerm => ({
    ...{ A, B, r, in: inputs, out },
    scale: scaleOf(config, module, r),
  });
  return new Map(Array.from(modules, ([module, weights]) => [module, term(module, weights)] as const));
}

/** (B·A)ᵀ = Aᵀ·Bᵀ. */
function otherEnd({ A, B, r, in: inputs, out, embedding }: LoraWeights): LoraWeights {
  return {
    A: transposed(B, out, r),
    B: transposed(A, r, inputs),
    r,
    in: out,
    out: inputs,
    ...(!embedding && { embedding: true }),
  };
}

function changes(
  config: LoraConfig,
  module: string,
  weights: LoraWeights,
  base: MergeBase,
): (readonly [string, Change])[] {
  const site = base.experts.get(module);
  if (!site) return [[`${module}.weight`, merged(config, module, weights, base)]];
  return mergedExperts(site, { ...weights, count: site.count }, scaleOf(config, module, weights.r));
}

/** W + scale · B·A, with DoRA times its gain. */
function merged(config: LoraConfig, module: string, weights: LoraWeights, base: MergeBase): Change {
  const isTurned = base.transposed.has(module) || weights.embedding === true;
  const scale = scaleOf(config, module, weights.r);
  return async (weight: Float32Array, addProduct: AddProduct) => {
    const sum = await addProduct(weight, isTurned ? otherEnd(weights) : weights, scale);
    if (weights.magnitude) applyMagnitude(sum, weights.magnitude, isTurned);
    return sum;
  };
}

/** Scales each output's weights in W [out, in], or [in, out] when `isTurned`, to the norm that `magnitude` says. */
function applyMagnitude(W: Float32Array, magnitude: Float32Array, isTurned: boolean): void {
  const [out, inputs] = [magnitude.length, W.length / magnitude.length];
  const [ofOutput, ofInput] = isTurned ? [1, out] : [inputs, 1];
  for (let o = 0; o < out; o++) {
    let squares = 0;
    for (let i = 0; i < inputs; i++) squares += W[o * ofOutput + i * ofInput]! ** 2;
    const gain = magnitude[o]! / Math.sqrt(squares);
    for (let i = 0; i < inputs; i++) W[o * ofOutput + i * ofInput]! *= gain;
  }
}

function inverse(adapter: LoraAdapter): LoraAdapter | Refusal {
  if (adapter.config.useDora)
    return {
      problem:
        "is DoRA: the merge scaled the base's rows to its magnitudes, and their own are not in the adapter. Keep the base.",
    };
  const negative = ({ B, ...rest }: LoraWeights) => ({ ...rest, B: B.map((value) => -value) });
  const modules = Array.from(adapter.modules, ([module, weights]) => [module, negative(weights)] as const);
  return { ...adapter, modules: new Map(modules) };
}
