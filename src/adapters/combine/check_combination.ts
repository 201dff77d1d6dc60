import { allFinite } from "../../math/all_finite.ts";
import { AttuneError, withProblems } from "../../text/errors.ts";
import type { LoraWeights } from "../kinds/lora.ts";
import type { CombineSettings, WeighedAdapter } from "./combine_adapters.ts";
import { COMBINE_METHODS, methodTraits } from "./methods.ts";

/** @throws AttuneError that names everything which keeps `inputs` from being combined so. */
export function checkCombination(inputs: readonly WeighedAdapter[], settings: CombineSettings): void {
  if (!COMBINE_METHODS.includes(settings.method))
    throw new AttuneError({
      code: "adapters.unknown-method",
      place: "method",
      expected: COMBINE_METHODS.join(", "),
      got: settings.method,
    });
  if (inputs.length === 0)
    throw new AttuneError({ code: "adapters.nothing-to-combine", problem: "there is no adapter to combine" });
  const faults = [
    ...settingFaults(settings),
    ...inputs.flatMap(adapterFaults),
    ...baseFaults(inputs),
    ...shapeFaults(inputs),
    ...rankFaults(inputs, settings),
  ];
  if (faults.length === 0) return;
  throw new AttuneError(
    withProblems(
      { code: "adapters.not-combinable", problem: "these adapters can't be combined this way" },
      faults,
    ),
  );
}

function settingFaults({ method, density, majoritySign, rank }: CombineSettings): string[] {
  const { of, prune, sum } = methodTraits(method);
  const faults: string[] = [];
  if (prune && density === undefined)
    faults.push(`${method} needs a density, the share of values that is kept: above 0, at most 1`);
  if (!prune && density !== undefined) faults.push(`${method} leaves nothing out: it takes no density`);
  if (density !== undefined && !(density > 0 && density <= 1))
    faults.push(`density must be above 0 and at most 1, got ${density}`);
  if (majoritySign !== undefined && sum !== "agreeing")
    faults.push(`${method} elects no sign: only ties and dare_ties do`);
  if (rank !== undefined && of !== "products")
    faults.push(`${method} has the rank its adapters give it: a rank goes with the methods of svd`);
  if (rank !== undefined && !(Number.isSafeInteger(rank) && rank >= 1))
    faults.push(`rank must be a whole number from 1 on, got ${rank}`);
  return faults;
}

/** What is more than low-rank terms, or less than numbers, has no weighted sum. */
function adapterFaults({ name, adapter, weight }: WeighedAdapter): string[] {
  const { config, modules, parameters, tokens, follows } = adapter;
  const terms = [...modules];
  const faults: string[] = [];
  if (!Number.isFinite(weight) || weight === 0)
    faults.push(`${name}: its weight must be a number other than 0, got ${weight}`);
  if (terms.length === 0) faults.push(`${name} has no low-rank terms`);
  if (config.useDora || terms.some(([, { magnitude }]) => magnitude))
    faults.push(`${name} is DoRA, whose magnitudes can't be added up`);
  if (config.targetParameters?.length)
    faults.push(
      `${name} has terms on parameters of experts (targetParameters), which PEFT combines in no way`,
    );
  if (parameters || tokens)
    faults.push(`${name} has weights of its own (modulesToSave, bias or trainableTokenIndices)`);
  if (follows) faults.push(`${name} ties its ends (ensure_weight_tying)`);
  if (terms.some(([, { start }]) => start)) faults.push(`${name} began as a part of its base (PiSSA, OLoRA)`);
  const broken = terms.find(([, { A, B }]) => !allFinite(A) || !allFinite(B));
  if (broken) faults.push(`${name}: ${broken[0]} holds a value that is not a finite number`);
  return faults;
}

function baseFaults(inputs: readonly WeighedAdapter[]): string[] {
  const first = inputs.find(({ adapter }) => adapter.baseModel !== undefined);
  return inputs
    .filter(({ adapter: { baseModel } }) => baseModel !== undefined && baseModel !== first!.adapter.baseModel)
    .map(
      ({ name, adapter }) =>
        `${name} was made for ${adapter.baseModel}, ${first!.name} for ${first!.adapter.baseModel}; give the model (--model), and shapes are compared instead`,
    );
}

function shapeFaults(inputs: readonly WeighedAdapter[]): string[] {
  const known = new Map<string, { name: string; weights: LoraWeights }>();
  const faults: string[] = [];
  for (const { name, adapter } of inputs)
    for (const [module, weights] of adapter.modules) {
      const first = known.get(module);
      if (!first) known.set(module, { name, weights });
      else if (first.weights.in !== weights.in || first.weights.out !== weights.out)
        faults.push(
          `${module} is [${weights.out}, ${weights.in}] for ${name}, [${first.weights.out}, ${first.weights.in}] for ${first.name}`,
        );
    }
  return faults;
}

function rankFaults(inputs: readonly WeighedAdapter[], { method, rank }: CombineSettings): string[] {
  const { of } = methodTraits(method);
  const terms = inputs.flatMap(({ name, adapter }) =>
    [...adapter.modules].map(([module, weights]) => ({ name, module, weights })),
  );
  if (of === "factors") {
    const other = terms.find(({ weights }) => weights.r !== terms[0]!.weights.r);
    if (!other) return [];
    return [
      `${method} adds up factors of one rank: ${terms[0]!.name} has ${terms[0]!.weights.r}, ${other.name} ${other.weights.r} (${other.module}). cat and the methods of svd take any`,
    ];
  }
  const small = terms.find(({ weights }) => rank !== undefined && rank > Math.min(weights.in, weights.out));
  if (!small) return [];
  const { module, weights } = small;
  return [`rank ${rank} is above the matrix: ${module} is [${weights.out}, ${weights.in}]`];
}
