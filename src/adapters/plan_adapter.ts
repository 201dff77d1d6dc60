import type { Model } from "../models/family.ts";
import { AttuneError } from "../text/errors.ts";
import type { AdapterConfig } from "./adapter.ts";
import type { AdapterPlan, PlanOptions } from "./kinds/kind.ts";
import { kindOf } from "./kinds/kinds.ts";
import { checkModulesToSave, savedParameters } from "./targets/modules_to_save.ts";
import { adapterSites, type Sites } from "./targets/sites.ts";
import { matchAdapter } from "./targets/target_modules.ts";
import { matchTargetParameters } from "./targets/target_parameters.ts";
import { withTiedEnds } from "./targets/tied_ends.ts";
import { tokenIndices } from "./targets/token_rows.ts";
import { withTargets } from "./with_targets.ts";

/**
 * Checks the settings of a new adapter against a model, before any weight is read.
 * @throws AttuneError that names every setting that contradicts another, matches nothing or asks for too much.
 */
export function planAdapter(settings: AdapterConfig, model: Model, options: PlanOptions): AdapterPlan {
  const kind = kindOf({ config: settings });
  const sites = adapterSites(model);
  const linears = [...sites.linears.keys()];
  const config = withTargets(kind.complete?.(settings, linears) ?? settings, model.modelType);
  kind.check(config, "adapter");
  const { settings: meant, follows } = withTiedEnds(config, sites);
  const ends = kind.adaptsEnds ? [sites.embedding, sites.head].filter((end) => end !== follows?.head) : [];
  const parameters = matchTargetParameters([...sites.experts.keys()], meant.targetParameters);
  const targets = [...targetedLayers(linears, ends, meant), ...parameters];
  checkModulesToSave(meant, sites, targets);
  checkNames(meant, sites, targets);
  checkTokens(meant, sites, targets);
  const plan = { config, meant, sites, targets, follows };
  kind.checkPlan?.(plan, options);
  return plan;
}

/** None where none is wanted beside parameters. */
const targetedLayers = (linears: string[], ends: string[], meant: AdapterPlan["meant"]): string[] =>
  meant.targetModules.length === 0 && meant.targetParameters?.length
    ? []
    : matchAdapter(linears, ends, meant);

/**
 * What the model's files keep in another form than transformers 5 does: PEFT would not find there what is trained here.
 * @throws AttuneError that says which.
 */
function checkNames(config: AdapterConfig, sites: Sites, targets: string[]): void {
  const layers = targets.filter((target) => !sites.experts.has(target));
  const trained = [...layers.map((module) => `${module}.weight`), ...savedParameters(config, sites, targets)];
  const other = trained.find((name) =>
    /^embed_out\.|\.(block_sparse_moe|experts)\.|\.mlp\.gate\./.test(name),
  );
  if (other === undefined) return;
  const what = other.startsWith("embed_out") ? "this output layer" : "experts and their router";
  throw new AttuneError({
    code: "adapters.other-form",
    place: "adapter",
    problem: `${other} can't be trained: transformers 5 keeps ${what} in another form than the model's files, and PEFT would not find it there`,
  });
}

function checkTokens(config: AdapterConfig, sites: Sites, targets: string[]): void {
  const saved = savedParameters(config, sites, targets);
  const rows = tokenIndices(config, sites);
  if (sites.tied && rows.has(sites.head))
    throw new AttuneError({
      code: "adapters.tied-output",
      place: "trainableTokenIndices",
      problem: `the output layer ${sites.head} shares the embedding's weight`,
      wayOut: `Name ${sites.embedding}: the output layer follows`,
    });
  const isHeadTrained = targets.includes(sites.head) || saved.includes(`${sites.head}.weight`);
  if (config.trainableTokenIndices !== undefined && sites.tied && isHeadTrained)
    throw new AttuneError({
      code: "adapters.trained-twice",
      place: "adapter",
      problem: `trainableTokenIndices and ${sites.head}: the output layer shares the embedding's weight and follows its rows`,
      wayOut: "Leave one out",
    });
  for (const module of rows.keys()) {
    const whole = saved.includes(`${module}.weight`);
    if (targets.includes(module) || whole)
      throw new AttuneError({
        code: "adapters.trained-twice",
        place: "adapter",
        problem: `trainableTokenIndices trains rows of ${module}, which ${whole ? "modulesToSave trains whole" : "has a low-rank term"}`,
        wayOut: "Leave one out",
      });
  }
}
