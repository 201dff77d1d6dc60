import { AttuneError } from "../text/errors.ts";
import { listed } from "../text/listed.ts";
import { type Adapter, isLora, isVera, type Parameter, type TokenRows, type VeraAdapter } from "./adapter.ts";
import { isIa3Weights, isLoraWeights, type ModuleWeights } from "./module_tensors.ts";
import { savedParameters } from "./targets/modules_to_save.ts";
import { type LayerShape, type Sites, siteShape } from "./targets/sites.ts";
import { adapterMatcher, isAllLinear } from "./targets/target_modules.ts";
import { tokenIndices } from "./targets/token_rows.ts";
import { drawProjections } from "./vera.ts";

/**
 * `adapter` as a base of these `sites` computes it: VeRA's A and B are drawn where its files leave them out.
 * @throws AttuneError when the adapter was made for another base: parts that the base lacks or has in another shape, or
 *   that the adapter's own settings mean and for which it holds no tensors, or the other way round.
 */
export function fitAdapter<T extends Adapter>(adapter: T, sites: Sites): T {
  const faults = [
    ...moduleFaults(adapter, sites),
    ...(isVera(adapter) ? projectionFaults(adapter, sites) : []),
    ...parameterFaults(adapter, sites),
    ...tokenFaults(adapter, sites),
  ];
  if (faults.length > 0) {
    const madeFor = adapter.baseModel ? `\nIt was made for ${adapter.baseModel}.` : "";
    throw new AttuneError(`The adapter does not fit the model: ${listed(faults)}${madeFor}`);
  }
  return isVera(adapter) && !adapter.projections
    ? { ...adapter, projections: drawnProjections(adapter, sites) }
    : adapter;
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

function projectionFaults({ modules, projections }: VeraAdapter, sites: Sites): string[] {
  const shapes = [...modules.keys()].flatMap((module) => sites.linears.get(module) ?? []);
  if (!projections || shapes.length === 0) return [];
  const needed = largest(shapes);
  if (projections.in >= needed.in && projections.out >= needed.out) return [];
  return [`vera_A and vera_B are for ${shown(projections)}, the model has ${shown(needed)}`];
}

function moduleFaults(adapter: Adapter, sites: Sites): string[] {
  const { config, modules } = adapter;
  const isMeant = adapterMatcher(config);
  const faults: string[] = [];
  for (const [module, weights] of modules) {
    const base = isLora(adapter) ? siteShape(sites, module) : sites.linears.get(module);
    const made = { ...base, ...shapeOf(weights) } as LayerShape;
    if (!base || (module === sites.embedding) !== isOfEmbedding(weights))
      faults.push(`${module}: the model has no such linear layer`);
    else if (base.in !== made.in || base.out !== made.out)
      faults.push(`${module}: the model has ${shown(base)}, the adapter is for ${shown(made)}`);
    else if (!isMeant(module))
      faults.push(`${module}: the adapter has tensors for it, its target_modules leave it out`);
  }
  const ends = isAllLinear(config.targetModules) || !isLora(adapter) ? [] : [sites.embedding, sites.head];
  for (const module of [...sites.linears.keys(), ...ends])
    if (isMeant(module) && !modules.has(module)) faults.push(`${module}: the adapter's tensors are missing`);
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

function parameterFaults({ config, modules, parameters = new Map() }: Adapter, sites: Sites): string[] {
  const wanted = new Set(savedParameters(config, sites, [...modules.keys()]));
  const faults = [...wanted]
    .filter((name) => !parameters.has(name))
    .map((name) => `${name}: the adapter's settings mean it, its files lack it`);
  for (const [name, { shape }] of parameters as Map<string, Parameter>) {
    const base = sites.parameters.get(name);
    if (!base) faults.push(`${name}: the model has no such parameter`);
    else if (base.join() !== shape.join())
      faults.push(`${name}: the model has [${base.join(", ")}], the adapter [${shape.join(", ")}]`);
    else if (!wanted.has(name)) faults.push(`${name}: the adapter's settings leave it out`);
  }
  return faults;
}

function tokenFaults(adapter: Adapter, sites: Sites): string[] {
  if (!isLora(adapter)) return [];
  const { config, tokens = new Map() } = adapter;
  const faults: string[] = [];
  const wanted = tokenIndices(config, sites);
  for (const [module, { indices, data }] of tokens as Map<string, TokenRows>)
    if (!wanted.has(module)) faults.push(`${module}: the adapter's settings mean no rows of it`);
    else if (data.length !== indices.length * sites.hiddenSize)
      faults.push(
        `${module}: the adapter's rows are ${data.length / indices.length} wide, the model's ${sites.hiddenSize}`,
      );
  for (const module of wanted.keys())
    if (!tokens.has(module)) faults.push(`${module}: the adapter's rows are missing`);
  return faults;
}
