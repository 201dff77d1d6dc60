import { AttuneError } from "../text/errors.ts";
import { isPlainObject } from "../text/plain_object.ts";
import { parseRecipe, type Recipe, type RecipeInput, recipeJsonSchema } from "./recipe.ts";

/** What a stage adds to the keys of a recipe. */
export interface StageInput extends Omit<Partial<RecipeInput>, "model" | "output" | "adapter"> {
  /** Names its directory; left out, its objective or kind of stage. */
  name?: string;
  /** Of the first stage alone: the others go on from the last one's result. */
  model?: string;
  /** An adapter of its own: that of the stage before is merged first. Null for all weights. */
  adapter?: RecipeInput["adapter"] | null;
  /** Share of the stage's examples that come from the data of earlier stages, against forgetting. */
  replay?: number;
}

/** A recipe of several stages. Its other keys are those of every stage that doesn't give them itself. */
export interface StagedRecipeInput extends Partial<RecipeInput> {
  output: string;
  stages: StageInput[];
}

/** Where a stage begins: the stage before's model, or its adapter over the base. */
export interface StageStart {
  model: string;
  adapter?: string;
}

export interface RecipeStage {
  name: string;
  /** Its run directory. */
  output: string;
  /** What messages call it: "stage 2 (instruct)". */
  place: string;
  /** Whether it gives an adapter of its own, or none; else it goes on with that of the stage before. */
  isFresh: boolean;
  replay: number;
  settings: Record<string, unknown>;
}

export interface StagedRecipe {
  output: string;
  /** What the first stage begins with. */
  model: string;
  stages: RecipeStage[];
}

export const isStaged = (value: unknown): value is StagedRecipeInput =>
  isPlainObject(value) && "stages" in value;

/** The run directory of the stage at `i`, counted from 0. */
export const stageOutput = (output: string, i: number, name: string): string =>
  `${output}/stages/${i + 1}-${name}`;

export const isStageName = (name: string): boolean => /^\w[\w.-]{0,39}$/.test(name);

const MOST_STAGES = 20;

/**
 * The stages of a recipe, each with the keys that all share. Every stage is checked as a recipe of its own.
 * @throws AttuneError that names the stage and the key at fault.
 */
export function parseStages(value: StagedRecipeInput, where = "recipe"): StagedRecipe {
  const { stages, output, ...shared } = value as unknown as Record<string, unknown>;
  if (
    !Array.isArray(stages) ||
    stages.length === 0 ||
    stages.length > MOST_STAGES ||
    !stages.every(isPlainObject)
  )
    throw wrong(where, "stages", {
      expected: `a list of 1 to ${MOST_STAGES} stages, each with keys of a recipe`,
    });
  if (typeof output !== "string" || output === "")
    throw wrong(where, "output", { expected: "the directory of all stages" });
  const parsed = stages.map((stage, i) => parseStage(stage, i, { shared, output, where }));
  const [first] = parsed.map((stage) => stageRecipe(stage, { model: parsed[0]!.settings.model as string }));
  return { output, model: first!.model, stages: parsed };
}

interface Around {
  shared: Record<string, unknown>;
  output: string;
  where: string;
}

function parseStage(
  stage: Record<string, unknown>,
  i: number,
  { shared, output, where }: Around,
): RecipeStage {
  const { name: given, replay = 0, ...own } = stage;
  const key = `stages.${i}`;
  for (const inherited of ["output", ...(i > 0 ? ["model"] : [])])
    if (inherited in own)
      throw wrong(where, `${key}.${inherited}`, {
        problem:
          inherited === "model"
            ? "a stage goes on from the last one's result"
            : "a stage's directory follows from its name",
        wayOut:
          inherited === "model"
            ? "Give model beside stages, or in the first stage"
            : "Give output beside stages",
      });
  if (i > 0 && isPlainObject(own.adapter) && "path" in own.adapter)
    throw wrong(where, `${key}.adapter.path`, {
      problem: "a stage goes on from the last one's result",
      wayOut: "Leave adapter out to go on with that adapter, or give settings of a new one",
    });
  if (typeof replay !== "number" || !(replay >= 0 && replay < 1) || (replay > 0 && i === 0))
    throw wrong(where, `${key}.replay`, {
      expected: i === 0 ? "no replay: nothing comes before the first stage" : "a share from 0 to below 1",
      got: String(replay),
    });
  const settings = merge(shared, own);
  const name = nameOf(given, settings, { where, key });
  return {
    name,
    output: stageOutput(output, i, name),
    place: `${where}, stage ${i + 1} (${name})`,
    isFresh: i > 0 && "adapter" in own,
    replay,
    settings,
  };
}

/** Settings that are groups are merged by key; null takes a shared key away. */
function merge(shared: Record<string, unknown>, own: Record<string, unknown>): Record<string, unknown> {
  const merged = { ...shared };
  for (const [key, value] of Object.entries(own))
    if (value === null) delete merged[key];
    else
      merged[key] =
        GROUPS.includes(key) && isPlainObject(merged[key]) && isPlainObject(value)
          ? { ...merged[key], ...value }
          : value;
  return merged;
}

const GROUPS = ["training", "evaluation"];

function nameOf(
  given: unknown,
  { objective, stage }: Record<string, unknown>,
  { where, key }: { where: string; key: string },
): string {
  const type = isPlainObject(objective) && objective.type !== "sft" ? objective.type : undefined;
  const name = String(given ?? type ?? stage ?? "instruct");
  if (isStageName(name)) return name;
  throw wrong(where, `${key}.name`, {
    expected: "up to 40 letters, digits, dots and dashes: it names a directory",
    got: name,
  });
}

/**
 * The recipe of a stage that begins at `from`.
 * @param replayed entries of `data` from earlier stages
 * @throws AttuneError that names the stage and every key at fault.
 */
export function stageRecipe(stage: RecipeStage, from: StageStart, replayed: readonly object[] = []): Recipe {
  const { settings, output, place } = stage;
  const { data } = settings;
  const input: Record<string, unknown> = { ...settings, model: from.model, output };
  if (from.adapter !== undefined) input.adapter = { path: from.adapter };
  if (replayed.length > 0 && Array.isArray(data)) input.data = [...data, ...replayed];
  return parseRecipe(input, place);
}

function wrong(
  where: string,
  key: string,
  fault: { problem?: string; expected?: string; got?: string; wayOut?: string },
): AttuneError {
  return new AttuneError({ code: "training.invalid-stages", place: `${where}: ${key}`, ...fault });
}

/** JSON Schema of a recipe's file, with stages or without, for editors. */
export function recipeFileJsonSchema(): object {
  const { properties, required, ...recipe } = recipeJsonSchema() as Schema;
  const { output, model: _, ...shared } = properties;
  const stage = { ...shared, ...STAGE_KEYS, adapter: { anyOf: [shared.adapter, { type: "null" }] } };
  const stages = {
    type: "array",
    items: { type: "object", properties: { model: properties.model, ...stage }, additionalProperties: false },
    description: "Runs one after the other, each from the last one's result, with the keys that they share.",
  };
  return {
    ...recipe,
    properties: { ...properties, output, stages },
    anyOf: [{ required }, { required: ["output", "stages"] }],
  };
}

interface Schema {
  properties: Record<string, object>;
  required: string[];
}

const STAGE_KEYS = {
  name: { type: "string", description: "Names its directory; left out, its objective or kind of stage." },
  replay: {
    type: "number",
    minimum: 0,
    exclusiveMaximum: 1,
    description: "Share of its examples that come from the data of earlier stages, against forgetting.",
  },
};
