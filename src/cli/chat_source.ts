import type { QuantizationSettings } from "../quantization/quantization_schema.ts";
import { readRunResult, templateOfRun } from "../run/run_result.ts";
import { AttuneError } from "../text/errors.ts";
import type { Recipe } from "../training/recipe.ts";
import { fetchModel } from "./fetch_model.ts";
import { namedAdapters } from "./named_adapters.ts";

/** Who is talked to, and how. */
export interface ChatSource {
  /** The base's directory. */
  model: string;
  /** Adapters' directories by name; the first answers. */
  adapters: Record<string, string>;
  template?: string;
  chatTemplateKwargs: Readonly<Record<string, unknown>>;
  quantization?: QuantizationSettings;
}

export interface SourceFlags {
  model?: string;
  adapter?: string[];
  template?: string;
  chatTemplateKwargs?: Record<string, unknown>;
}

/**
 * What the command line gives; of a run, its recipe gives the rest.
 * @param from a run's directory, or a model; left out where `flags` name a model.
 */
export async function chatSource(from: string | undefined, flags: SourceFlags): Promise<ChatSource> {
  const { adapter = [], template, chatTemplateKwargs = {} } = flags;
  const result = await readRunResult(from ?? flags.model!);
  if (!result) {
    if (from !== undefined && flags.model !== undefined) throw twoModels(from);
    const adapters = await fetchAll(namedAdapters(adapter));
    return { model: await fetchModel(flags.model ?? from!), adapters, template, chatTemplateKwargs };
  }
  const { recipe, run, path } = result;
  return {
    model: recipe.adapter ? await base(run, recipe, from && flags.model) : path,
    adapters: await fetchAll(namedAdapters(recipe.adapter ? [path, ...adapter] : adapter)),
    template: template ?? templateOfRun(recipe),
    chatTemplateKwargs: { ...recipe.chatTemplateKwargs, ...chatTemplateKwargs },
    quantization: recipe.quantization,
  };
}

const twoModels = (from: string) =>
  new AttuneError({
    code: "cli.two-models",
    place: from,
    problem: "it is no run's directory, and --model names a model already",
    wayOut: "Give one of the two; an adapter's directory goes with --adapter",
  });

/** The base of a run's adapter: `given`, or where the recipe has it. */
async function base(run: string, recipe: Recipe, given?: string): Promise<string> {
  if (given !== undefined) return fetchModel(given);
  try {
    return await fetchModel(recipe.model);
  } catch (error) {
    if (!(error instanceof AttuneError)) throw error;
    throw new AttuneError(
      {
        code: "cli.base-missing",
        place: `${run}/recipe.json: model`,
        problem: error.message,
        wayOut:
          "Paths there start where the run was started: go there, or say by --model where the base is now",
      },
      { cause: error },
    );
  }
}

async function fetchAll(adapters: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const fetched: Record<string, string> = {};
  for (const [name, from] of Object.entries(adapters)) fetched[name] = await fetchModel(from);
  return fetched;
}
