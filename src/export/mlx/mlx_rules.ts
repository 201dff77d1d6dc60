/** Where mlx-lm keeps the parameters of a family, and in which shapes: mlx_lm/models/<model_type>.py, `sanitize`. */
import { float32, type Numbers, toFloat32 } from "../numbers.ts";

/** A tensor that is made of a parameter. */
export interface MlxPart {
  name: string;
  shape: readonly number[];
  /** Of all numbers of the parameter; as they are when left out. */
  take?(numbers: Numbers): Numbers;
}

export interface MlxRules {
  /** The path there of a module here; an expert's number is left out, since experts are stacked. */
  module?(module: string): string;
  /** Of a parameter by its name there: what isn't kept as it is. */
  parts?(name: string, shape: readonly number[]): MlxPart[] | undefined;
  /** Parameters that mlx-lm doesn't compute with: they must be 0. */
  dropped?: RegExp;
  /** Published files have keys and values of layers that read those of others, and mlx-lm wants them. */
  wantsUnread?: boolean;
}

const stacked = (module: string) => module.replace(/experts\.\d+\./, "switch_mlp.");
const STACKED: MlxRules = { module: stacked };
const MIXTRAL: Record<string, string> = { w1: "gate_proj", w2: "down_proj", w3: "up_proj" };

/** There a text model is the `language_model` of one that also sees images, even where it is alone. */
const inLanguageModel = (module: string) =>
  `language_model.${module.replace(/^model\.language_model\./, "model.")}`;

const QWEN35: MlxRules = { module: inLanguageModel, parts: deltaParts };

const RULES: Readonly<Record<string, MlxRules>> = {
  gpt2: { module: (module) => module.replace(/^transformer\./, "model.") },
  gpt_neox: {
    module: (module) =>
      module
        .replace(/^gpt_neox\.layers\./, "model.h.")
        .replace(/^gpt_neox\./, "model.")
        .replace(/^embed_out$/, "model.embed_out"),
  },
  mixtral: {
    module: (module) =>
      module.replace(/experts\.\d+\.(w\d)$/, (_, name: string) => `switch_mlp.${MIXTRAL[name]}`),
  },
  ...{ glm4_moe: STACKED, olmoe: STACKED, qwen2_moe: STACKED, qwen3_moe: STACKED },
  ernie4_5_moe: { module: stacked, dropped: /\.moe_statics\.e_score_correction_bias$/ },
  granitemoe: { parts: graniteExperts },
  gpt_oss: { parts: gptOssExperts },
  ...{ gemma3: { module: inLanguageModel }, mistral3: { module: inLanguageModel } },
  lfm2: { parts: convolution },
  qwen3_next: { module: stacked, parts: deltaParts },
  ...{ qwen3_5_text: QWEN35, qwen3_5: QWEN35 },
  gemma3n_text: {
    module: (module) => module.replace(/^model\./, "model.language_model."),
    wantsUnread: true,
  },
  gemma3n: { wantsUnread: true },
  gemma4_text: { parts: gemma4Experts },
  gemma4: { module: inLanguageModel, parts: gemma4Experts },
};

export const mlxRules = (modelType: string): MlxRules => RULES[modelType] ?? {};

/** The path there of a module here. */
export const mlxModule = (modelType: string, module: string): string =>
  mlxRules(modelType).module?.(module) ?? module;

function graniteExperts(name: string, shape: readonly number[]): MlxPart[] | undefined {
  const [, place, kind] = /^(.*)\.(input|output)_linear\.weight$/.exec(name) ?? [];
  if (kind === undefined) return undefined;
  const at = `${place}.switch_mlp`;
  return kind === "input" ? halves(at, shape) : [{ name: `${at}.down_proj.weight`, shape }];
}

function gemma4Experts(name: string, shape: readonly number[]): MlxPart[] | undefined {
  const [, place, kind] = /^(.*\.experts)\.(gate_up_proj|down_proj)$/.exec(name) ?? [];
  if (kind === undefined) return undefined;
  const at = `${place}.switch_glu`;
  return kind === "gate_up_proj" ? halves(at, shape) : [{ name: `${at}.down_proj.weight`, shape }];
}

/** Gate and up of [experts, 2·out, in]: one above the other. */
function halves(at: string, [n, rows, width]: readonly number[]): MlxPart[] {
  const each = (rows! * width!) / 2;
  return ["gate_proj", "up_proj"].map((part, half) => ({
    name: `${at}.${part}.weight`,
    shape: [n!, rows! / 2, width!],
    take: (numbers) =>
      picked(numbers, n! * each, (i) => (2 * Math.floor(i / each) + half) * each + (i % each)),
  }));
}

/** Kept here as [experts, in, out], gate and up in turn. */
function gptOssExperts(name: string, shape: readonly number[]): MlxPart[] | undefined {
  const [, place, kind, bias] = /^(.*\.experts)\.(gate_up|down)_proj(_bias)?$/.exec(name) ?? [];
  if (kind === undefined) return undefined;
  const width = bias ? 1 : shape[1]!;
  const rows = shape.at(-1)!;
  const suffix = bias ? "bias" : "weight";
  const part = (module: string, first: number, step: number): MlxPart => {
    const own = rows / step;
    return {
      name: `${place}.${module}.${suffix}`,
      shape: bias ? [shape[0]!, own] : [shape[0]!, own, width],
      take: (numbers) =>
        picked(numbers, shape[0]! * own * width, (i) => {
          const [column, row] = [i % width, Math.floor(i / width) % own];
          const expert = Math.floor(i / (width * own));
          return (expert * width + column) * rows + row * step + first;
        }),
    };
  };
  return kind === "down" ? [part("down_proj", 0, 1)] : [part("gate_proj", 0, 2), part("up_proj", 1, 2)];
}

/** A depthwise convolution: [channels, 1, taps] here, [channels, taps, 1] there. */
function convolution(name: string, shape: readonly number[]): MlxPart[] | undefined {
  if (!/\.conv(1d)?\.weight$/.test(name)) return undefined;
  return [{ name, shape: [shape[0]!, shape[2]!, shape[1]!] }];
}

const NORMS = /(\.input_layernorm|\.post_attention_layernorm|model\.norm|\.q_norm|\.k_norm)\.weight$/;

/** Norms are kept less 1 here, and as they are there. */
function deltaParts(name: string, shape: readonly number[]): MlxPart[] | undefined {
  if (!NORMS.test(name)) return convolution(name, shape);
  return [{ name, shape, take: (numbers) => float32(toFloat32(numbers).map((value) => value + 1)) }];
}

function picked(numbers: Numbers, count: number, from: (i: number) => number): Numbers {
  if (numbers.dtype === "F32") {
    const data = new Float32Array(count);
    for (let i = 0; i < count; i++) data[i] = numbers.data[from(i)]!;
    return float32(data);
  }
  const data = new Uint16Array(count);
  for (let i = 0; i < count; i++) data[i] = numbers.data[from(i)]!;
  return { dtype: numbers.dtype, data };
}
