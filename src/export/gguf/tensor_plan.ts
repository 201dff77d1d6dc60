/** A model's parameters as the tensors of a GGUF file: their names, order, shapes and types. */

import { LLAMA } from "../../models/decoder.ts";
import { familyOf } from "../../models/families.ts";
import type { Model } from "../../models/family.ts";
import { type ModelLayout, modelLayout } from "../../models/layout.ts";
import { AttuneError } from "../../text/errors.ts";
import { groupBy } from "../../text/group_by.ts";
import type { Cut, Description, RowOrder } from "./architectures/description.ts";
import { GGML_TYPES, type GgmlType } from "./ggml_types.ts";
import type { GgufTensorInfo } from "./gguf_header.ts";

/** A tensor of the file, and what it is made from. */
export interface PlannedTensor extends GgufTensorInfo {
  /** Parameters by the checkpoint's names: one, or of stacked experts one each. None of an extra tensor. */
  parameters: readonly string[];
  /** The checkpoint has it as [in, out]. */
  turned: boolean;
  order?: RowOrder;
  cut?: Cut;
  columns?: RowOrder;
  /** Gemma keeps a norm's weight less 1. */
  plus: number;
  computed?: (value: number) => number;
  values?: Float32Array;
  /** Rows behind the parameter's own, each of them its first row again. */
  again?: number;
}

/** What a file's type makes of its matrices; the ends of a 4-bit file are finer, as llama.cpp's own quantizer has it. */
export interface FileType {
  code: number;
  matrices: GgmlType;
  ends: GgmlType;
}

export const FILE_TYPES = {
  f32: { code: 0, matrices: "F32", ends: "F32" },
  f16: { code: 1, matrices: "F16", ends: "F16" },
  bf16: { code: 32, matrices: "BF16", ends: "BF16" },
  q8_0: { code: 7, matrices: "Q8_0", ends: "Q8_0" },
  q4_0: { code: 2, matrices: "Q4_0", ends: "Q8_0" },
} as const satisfies Record<string, FileType>;

export type FileTypeName = keyof typeof FILE_TYPES;

/**
 * The tensors in the order of the model's own layers.
 * @param inMxfp4 names of parameters that stay in blocks of MXFP4, except in float32
 * @throws AttuneError when llama.cpp has no place for a parameter, or rows aren't whole blocks of the type.
 */
export function planTensors(
  model: Model,
  description: Description,
  type: FileType,
  inMxfp4: ReadonlySet<string> = new Set(),
): PlannedTensor[] {
  const layout = modelLayout(model);
  const placed = placeAll(model, layout, description);
  const plan: PlannedTensor[] = [...placed].flatMap(([name, parameters]) =>
    parted(planned(name, parameters, { model, layout, description, type, inMxfp4 }), description),
  );
  const head = plan.find(({ name }) => name === "token_embd.weight");
  if (model.tied && description.head === "required") plan.push({ ...head!, name: "output.weight" });
  for (const [name, { shape, values }] of description.extras)
    plan.push({
      name,
      shape,
      values,
      type: typeOfExtra(shape, type),
      parameters: [],
      turned: false,
      plus: 0,
    });
  checkBlocks(plan);
  return plan;
}

/** llama.cpp's name of a parameter, below which stacked experts meet. */
export type Placing = (parameter: string) => string | undefined;

/** Where llama.cpp keeps a parameter; nothing where it has no place for it. */
export function placing(model: Model, { modules, beside, biases, head, outputNorm }: Description): Placing {
  const names = familyOf(model.modelType).names ?? LLAMA;
  const layer = new RegExp(`^${escaped(names.root)}\\.${escaped(names.layers)}\\.(\\d+)\\.(.+)$`);
  const ends: Record<string, string | undefined> = {
    [`${model.ends.embedding}.weight`]: "token_embd.weight",
    [`${model.ends.head}.weight`]: head === "tied" ? undefined : "output.weight",
    [`${model.ends.head}.bias`]: "output.bias",
    [`${names.root}.${names.norm}.weight`]: `${outputNorm}.weight`,
    [`${names.root}.${names.norm}.bias`]: biases.includes("attn_norm") ? "output_norm.bias" : undefined,
    [`${names.root}.wpe.weight`]: "position_embd.weight",
  };
  const placeBeside = (parameter: string): string | undefined => {
    if (!parameter.startsWith(`${names.root}.`)) return undefined;
    const [path, kind] = apart(parameter.slice(names.root.length + 1));
    const module = beside[path.replace(/\.\d+$/, ".#")];
    return module && `${module}.${kind}`;
  };
  return (parameter) => {
    const [, index, whole] = layer.exec(parameter) ?? [];
    if (index === undefined) return Object.hasOwn(ends, parameter) ? ends[parameter] : placeBeside(parameter);
    if (Object.hasOwn(modules, whole!)) return `blk.${index}.${modules[whole!]}`;
    const [path, kind] = apart(whole!);
    const module = modules[path.replace(/(experts\.)\d+/, "$1#")];
    if (module === undefined || (kind === "bias" && !biases.includes(module))) return undefined;
    return `blk.${index}.${module}.${kind}`;
  };
}

/** The same parameter of every block. */
export function blockParameters(model: Model, path: string): string[] {
  const { root, layers } = familyOf(model.modelType).names ?? LLAMA;
  return Array.from({ length: model.dimensions.layers }, (_, layer) => `${root}.${layers}.${layer}.${path}`);
}

/** A parameter's module, and what it is of it: a weight, a bias. */
function apart(parameter: string): [module: string, kind: string] {
  const end = parameter.lastIndexOf(".");
  return [parameter.slice(0, Math.max(end, 0)), parameter.slice(end + 1)];
}

const escaped = (text: string) => text.replaceAll(".", "\\.");

function placeAll(
  model: Model,
  { parameters }: ModelLayout,
  description: Description,
): Map<string, string[]> {
  const place = placing(model, description);
  const settings = Object.keys(description.learned).flatMap((path) => blockParameters(model, path));
  const placed = groupBy(
    [...parameters.keys()].filter((name) => !settings.includes(name)),
    place,
  );
  const homeless = placed.get(undefined);
  if (homeless) throw noPlace(homeless, description.name);
  return placed as Map<string, string[]>;
}

const noPlace = (parameters: readonly string[], name: string) =>
  new AttuneError({
    code: "export.no-place",
    place: "the model",
    problem: `llama.cpp's ${name} has no place for`,
    faults: parameters.map((place) => ({ code: "export.no-place", place })),
  });

interface Context {
  model: Model;
  layout: ModelLayout;
  description: Description;
  type: FileType;
  inMxfp4: ReadonlySet<string>;
}

/** One matrix for each of Gemma 3n's streams. */
const STACKED = /^altup_(unembd_)?proj\.weight$/;

function planned(
  name: string,
  parameters: readonly string[],
  { model, layout, description, type, inMxfp4 }: Context,
): PlannedTensor {
  const own = layout.parameters.get(parameters[0]!)!;
  const module = /^(?:blk\.\d+\.)?(.+?)(?:\.weight|\.bias)?$/.exec(name)?.[1] ?? name;
  const isTurned = layout.transposed.has(parameters[0]!.replace(/\.weight$/, ""));
  const isNorm =
    /norm(\.weight)?$/.test(module) && name.endsWith(".weight") && !model.startFromOne?.test(parameters[0]!);
  // else they are one tensor here, too
  const isStacked = own.length < 3 && (name.endsWith("_exps.weight") || STACKED.test(name));
  const shape = isTurned
    ? own.toReversed()
    : own.filter((size, axis) => size !== 1 || axis !== 1 || own.length < 3);
  const rows = description.rows[module] ?? own[0]!;
  const longer = rows === own[0] ? shape : [rows, ...shape.slice(1)];
  return {
    name,
    parameters,
    shape: isStacked ? [parameters.length, ...shape] : longer,
    again: rows - own[0]!,
    turned: isTurned,
    order: description.orders[module],
    columns: description.columns[module],
    computed: description.computed[module],
    plus: isNorm && (model.normStart === 0 || description.normsLessOne) ? 1 : 0,
    type: type.matrices !== "F32" && inMxfp4.has(parameters[0]!) ? "MXFP4" : typeOf(name, module, own, type),
  };
}

/** The tensors that a parameter becomes. */
function parted(tensor: PlannedTensor, description: Description): PlannedTensor[] {
  const [, place, own] = /^(blk\.\d+\.)(.+)$/.exec(tensor.name) ?? [];
  const cuts = own && description.cuts[own];
  if (!cuts) return divided(tensor, description);
  return cuts.map((cut) => ({ ...tensor, name: place + cut.name, shape: cut.shape, cut }));
}

/** Of a parameter that is several of llama.cpp's, each of them. */
function divided(tensor: PlannedTensor, { parts }: Description): PlannedTensor[] {
  const [, place, module = "", kind] = /^(blk\.\d+\.)(.+)(\.[^.]+)$/.exec(tensor.name) ?? [];
  if (!parts[module]) return [tensor];
  const axis = Math.max(0, tensor.shape.length - 2);
  return parts[module].map(({ module: name, rows, order }) => ({
    ...tensor,
    ...{ name: `${place}${name}${kind}`, shape: tensor.shape.with(axis, rows), order },
  }));
}

const FLOAT32 = /_norm$|^exp_probs_b$|^ffn_gate_inp|^shortconv\.conv$|^ssm_conv1d$|^altup_(\w+_coef|router)$/;

/** llama.cpp wants norms, routers and positions, and all that is no matrix, in float32. */
function typeOf(name: string, module: string, shape: readonly number[], type: FileType): GgmlType {
  if (shape.length < 2 || FLOAT32.test(module)) return "F32";
  if (name === "position_embd.weight" || !name.endsWith(".weight")) return "F32";
  if (KEPT.test(module)) return type.matrices === "BF16" || type.matrices === "F32" ? type.matrices : "F16";
  return name === "token_embd.weight" || name === "output.weight" ? type.ends : type.matrices;
}

/** What llama.cpp's own quantizer leaves as it is. */
const KEPT = /^(per_layer_model_proj|altup_|laurel_)/;

const typeOfExtra = (shape: readonly number[], type: FileType): GgmlType =>
  shape.length < 2 ? "F32" : type.matrices;

function checkBlocks(plan: readonly PlannedTensor[]): void {
  const uneven = plan.filter(({ type, shape }) => shape.at(-1)! % GGML_TYPES[type].values !== 0);
  if (uneven.length === 0) return;
  const type = uneven[0]!.type;
  throw new AttuneError({
    code: "export.uneven-blocks",
    place: "--type",
    problem: `${type.toLowerCase()} keeps blocks of ${GGML_TYPES[type].values} numbers of a row, and rows of these tensors aren't whole blocks`,
    wayOut: "Take --type f16, bf16 or f32",
    faults: uneven.map(({ name, shape }) => ({
      code: "export.uneven-blocks",
      place: name,
      problem: `rows of ${shape.at(-1)}`,
    })),
  });
}
