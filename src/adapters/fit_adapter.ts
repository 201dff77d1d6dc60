import { AttuneError, type Fault } from "../text/errors.ts";
import { type Adapter, isIa3, isLora, isVera, type VeraAdapter } from "./adapter.ts";
import { isFeedforward } from "./ia3.ts";
import { isIa3Weights, isLoraWeights, type ModuleWeights } from "./module_tensors.ts";
import { ofBase } from "./peft/tensor_names.ts";
import { settleAdapter, type Wanted } from "./settle_adapter.ts";
import { savedParameters } from "./targets/modules_to_save.ts";
import { type LayerShape, type Sites, siteShape } from "./targets/sites.ts";
import { adapterMatcher, isAllLinear } from "./targets/target_modules.ts";
import { tokenIndices } from "./targets/token_rows.ts";
import { drawProjections } from "./vera.ts";

/**
 * `adapter` as a base of these `sites` computes it (see `settleAdapter`); VeRA's A and B are drawn where its files leave
 * them out.
 * @throws AttuneError when the adapter was made for another base: parts that the base lacks or has in another shape, or
 *   that the adapter's own settings mean and for which it holds no tensors, or the other way round.
 */
export function fitAdapter<T extends Adapter>(adapter: T, sites: Sites): T {
  const { adapter: settled, wanted } = settleAdapter(adapter, sites);
  const faults = [
    ...moduleFaults(settled, wanted, sites),
    ...(isIa3(settled) ? feedforwardFaults(settled, wanted) : []),
    ...(isVera(settled) ? projectionFaults(settled, sites) : []),
    ...parameterFaults(settled, wanted, sites),
    ...storedFaults(settled, sites),
    ...tokenFaults(settled, wanted, sites),
  ];
  if (faults.length > 0) throw doesNotFit(settled, sites, faults);
  return (
    isVera(settled) && !settled.projections
      ? { ...settled, projections: drawnProjections(settled, sites) }
      : settled
  ) as T;
}

const fault = (place: string, problem: string): Fault => ({ code: "adapter.does-not-fit", place, problem });

function doesNotFit(adapter: Adapter, sites: Sites, faults: Fault[]): AttuneError {
  const rows = otherVocabulary(adapter, sites);
  const made = adapter.baseModel && `It was made for ${adapter.baseModel}: use it with that model`;
  const resized = `It was made for a vocabulary of ${rows} tokens, the model has ${sites.vocabSize}. Give the model as it was then: enlarged by transformers' resize_token_embeddings(${rows}) and saved`;
  return new AttuneError({
    code: "adapter.does-not-fit",
    problem: "The adapter does not fit the model",
    wayOut: (rows === undefined ? made : resized) || undefined,
    faults,
  });
}

/** How many tokens the adapter's ends have, where it is another number than the model's. */
function otherVocabulary({ parameters, stored, modules }: Adapter, { embedding, head, vocabSize }: Sites) {
  const counts: (number | undefined)[] = [];
  for (const [name, { shape }] of [...(parameters ?? []), ...(stored ?? [])])
    if ([embedding, head].some((module) => ofBase(name) === `${module}.weight`)) counts.push(shape[0]);
  const [first, last] = [modules.get(embedding), modules.get(head)];
  if (first && isLoraWeights(first)) counts.push(first.in);
  if (last && isLoraWeights(last)) counts.push(last.out);
  return counts.find((count) => count !== undefined && count !== vocabSize);
}

function drawnProjections({ config, modules }: VeraAdapter, sites: Sites) {
  const shapes = [...modules.keys()].map((module) => sites.linears.get(module)!);
  return drawProjections(config.projectionPrngKey, { r: config.r, ...largest(shapes) });
}

/** The sizes that VeRA's A and B need for layers of these `shapes`. */
export const largest = (shapes: readonly LayerShape[]): LayerShape => ({
  in: Math.max(...shapes.map((shape) => shape.in)),
  out: Math.max(...shapes.map(({ out }) => out)),
});

function projectionFaults({ modules, projections }: VeraAdapter, sites: Sites): Fault[] {
  const shapes = [...modules.keys()].flatMap((module) => sites.linears.get(module) ?? []);
  if (!projections || shapes.length === 0) return [];
  const needed = largest(shapes);
  if (projections.in >= needed.in && projections.out >= needed.out) return [];
  return [
    fault("vera_A and vera_B", `the adapter has ${shown(projections)}, the model needs ${shown(needed)}`),
  ];
}

function feedforwardFaults({ modules }: Adapter, wanted: Wanted): Fault[] {
  return [...modules].flatMap(([module, weights]) => {
    const isOne = wanted.type === "ia3" && isFeedforward(wanted, module);
    if (!isIa3Weights(weights) || weights.feedforward === isOne) return [];
    return [
      fault(module, `its vector is [${isOne ? "out, 1" : "1, in"}], feedforward_modules means the other`),
    ];
  });
}

function moduleFaults(adapter: Adapter, wanted: Wanted, sites: Sites): Fault[] {
  const { modules, follows } = adapter;
  const isMeant = adapterMatcher(wanted);
  const faults: Fault[] = [];
  for (const [module, weights] of modules) {
    const base = isLora(adapter) ? siteShape(sites, module) : sites.linears.get(module);
    const made = { ...base, ...shapeOf(weights) } as LayerShape;
    if (!base || (module === sites.embedding) !== isOfEmbedding(weights))
      faults.push(fault(module, "the model has no such linear layer"));
    else if (base.in !== made.in || base.out !== made.out)
      faults.push(fault(module, `the model has ${shown(base)}, the adapter is for ${shown(made)}`));
    else if (!isMeant(module))
      faults.push(fault(module, "the adapter has tensors for it, its target_modules leave it out"));
    else if (follows && isLoraWeights(weights) && weights.magnitude && module === follows.embedding)
      faults.push(
        fault(
          module,
          "ensure_weight_tying ties its term, and use_dora's magnitudes are not tied: attune computes one or the other",
        ),
      );
  }
  const ends = isAllLinear(wanted.targetModules) || !isLora(adapter) ? [] : [sites.embedding, sites.head];
  for (const module of [...sites.linears.keys(), ...ends])
    if (isMeant(module) && !modules.has(module) && module !== follows?.head)
      faults.push(fault(module, "the adapter's tensors are missing"));
  return faults;
}

/** As far as the tensors tell. */
function shapeOf(weights: ModuleWeights): Partial<LayerShape> {
  if (isLoraWeights(weights)) return { in: weights.in, out: weights.out };
  if (isIa3Weights(weights)) return { [weights.feedforward ? "in" : "out"]: weights.vector.length };
  return { out: weights.b.length };
}

const isOfEmbedding = (weights: ModuleWeights): boolean =>
  isLoraWeights(weights) && weights.embedding === true;

const shown = ({ in: inputs, out }: LayerShape) => `[${out}, ${inputs}]`;

function parameterFaults(
  { modules, parameters = new Map() }: Adapter,
  wanted: Wanted,
  sites: Sites,
): Fault[] {
  const meant = new Set(savedParameters(wanted, sites, [...modules.keys()]));
  const faults = [...meant]
    .filter((name) => !parameters.has(name))
    .map((name) => fault(name, "the adapter's settings mean it, its files lack it"));
  for (const [name, { shape }] of parameters) {
    const wrong = shapeFault(name, shape, sites);
    if (wrong) faults.push(wrong);
    else if (!meant.has(name)) faults.push(fault(name, "the adapter's settings leave it out"));
  }
  return faults;
}

const storedFaults = ({ stored = new Map() }: Adapter, sites: Sites): Fault[] =>
  [...stored].flatMap(([name, { shape }]) => shapeFault(ofBase(name), shape, sites) ?? []);

function shapeFault(name: string, shape: readonly number[], { parameters }: Sites): Fault | undefined {
  const base = parameters.get(name);
  if (!base) return fault(name, "the model has no such parameter");
  if (base.join() === shape.join()) return undefined;
  return fault(name, `the model has [${base.join(", ")}], the adapter [${shape.join(", ")}]`);
}

function tokenFaults({ tokens = new Map() }: Adapter, config: Wanted, sites: Sites): Fault[] {
  const faults: Fault[] = [];
  const wanted = tokenIndices(config, sites);
  for (const [module, { indices, data }] of tokens)
    if (!wanted.has(module)) faults.push(fault(module, "the adapter's settings mean no rows of it"));
    else if (data.length !== indices.length * sites.hiddenSize)
      faults.push(
        fault(
          module,
          `the adapter's rows are ${data.length / indices.length} wide, the model's ${sites.hiddenSize}`,
        ),
      );
  for (const module of wanted.keys())
    if (!tokens.has(module)) faults.push(fault(module, "the adapter's rows are missing"));
  return faults;
}
