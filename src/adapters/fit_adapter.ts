import { AttuneError, type Fault } from "../text/errors.ts";
import type { Adapter } from "./adapter.ts";
import { kindOf } from "./kinds/kinds.ts";
import { ofBase } from "./peft/tensor_names.ts";
import { settleAdapter, type Wanted } from "./settle_adapter.ts";
import { savedParameters } from "./targets/modules_to_save.ts";
import { type AdaptedShape, type LayerShape, type Sites, siteShape } from "./targets/sites.ts";
import { adapterMatcher, isAllLinear } from "./targets/target_modules.ts";
import { parameterMatcher } from "./targets/target_parameters.ts";
import { tokenIndices } from "./targets/token_rows.ts";

/**
 * `adapter` as a base of these `sites` computes it (see `settleAdapter`), with what its files leave out.
 * @throws AttuneError when the adapter was made for another base: parts that the base lacks or has in another shape, or
 *   that the adapter's own settings mean and for which it holds no tensors, or the other way round.
 */
export function fitAdapter<T extends Adapter>(adapter: T, sites: Sites): T {
  const kind = kindOf(adapter);
  const { adapter: settled, wanted } = settleAdapter(adapter, sites);
  const faults = [
    ...moduleFaults(settled, wanted, sites),
    ...(kind.faults?.(settled, wanted, sites) ?? []),
    ...parameterFaults(settled, wanted, sites),
    ...storedFaults(settled, sites),
    ...tokenFaults(settled, wanted, sites),
  ];
  if (faults.length > 0) throw doesNotFit(settled, sites, faults);
  return (kind.fitted?.(settled, sites) ?? settled) as T;
}

const fault = (place: string, problem: string): Fault => ({ code: "adapters.does-not-fit", place, problem });

function doesNotFit(adapter: Adapter, sites: Sites, faults: Fault[]): AttuneError {
  const rows = otherVocabulary(adapter, sites);
  const made = adapter.baseModel && `It was made for ${adapter.baseModel}: use it with that model`;
  const resized = `It was made for a vocabulary of ${rows} tokens, the model has ${sites.vocabSize}. Give the model as it was then: enlarged by transformers' resize_token_embeddings(${rows}) and saved`;
  return new AttuneError({
    code: "adapters.does-not-fit",
    problem: "The adapter does not fit the model",
    wayOut: (rows === undefined ? made : resized) || undefined,
    faults,
  });
}

/** How many tokens the adapter's ends have, where it is another number than the model's. */
function otherVocabulary(adapter: Adapter, { embedding, head, vocabSize }: Sites): number | undefined {
  const { parameters, stored, modules } = adapter;
  const counts: (number | undefined)[] = [];
  for (const [name, { shape }] of [...(parameters ?? []), ...(stored ?? [])])
    if ([embedding, head].some((module) => ofBase(name) === `${module}.weight`)) counts.push(shape[0]);
  const { tensors } = kindOf(adapter);
  const [first, last] = [modules.get(embedding), modules.get(head)];
  if (first) counts.push(tensors.shape(first).in);
  if (last) counts.push(tensors.shape(last).out);
  return counts.find((count) => count !== undefined && count !== vocabSize);
}

const shown = ({ in: inputs, out }: LayerShape) => `[${out}, ${inputs}]`;

function moduleFaults(adapter: Adapter, wanted: Wanted, sites: Sites): Fault[] {
  const { modules, follows } = adapter;
  const { adaptsEnds, tensors } = kindOf(adapter);
  const [isTargeted, isMeantParameter] = [adapterMatcher(wanted), parameterMatcher(wanted.targetParameters)];
  const isMeant = (name: string) => (sites.experts.has(name) ? isMeantParameter(name) : isTargeted(name));
  const faults: Fault[] = [];
  for (const [module, weights] of modules) {
    const base = adaptsEnds ? siteShape(sites, module) : sites.linears.get(module);
    const { embedding = false, count, ...shape } = tensors.shape(weights);
    const made = { ...base, ...shape } as LayerShape;
    if (!base || (module === sites.embedding) !== embedding)
      faults.push(fault(module, "the model has no such linear layer"));
    else if ((base as AdaptedShape).count !== count)
      faults.push(
        fault(
          module,
          `the model has ${(base as AdaptedShape).count ?? "no"} experts there, the adapter ${count ?? "none"}`,
        ),
      );
    else if (base.in !== made.in || base.out !== made.out)
      faults.push(fault(module, `the model has ${shown(base)}, the adapter is for ${shown(made)}`));
    else if (!isMeant(module))
      faults.push(fault(module, "the adapter has tensors for it, its target_modules leave it out"));
  }
  const ends = isAllLinear(wanted.targetModules) || !adaptsEnds ? [] : [sites.embedding, sites.head];
  for (const module of [...sites.linears.keys(), ...sites.experts.keys(), ...ends])
    if (isMeant(module) && !modules.has(module) && module !== follows?.head)
      faults.push(fault(module, "the adapter's tensors are missing"));
  return faults;
}

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
