import { JINJA_TEMPLATES } from "../../templates/named_templates.ts";
import { AttuneError, type Fault } from "../../text/errors.ts";
import { parseRecipe, type Recipe, type RecipeInput, recipeJsonSchema } from "../../training/recipe.ts";

/**
 * What of a recipe a client may say. All else names files, hosts or modules of this machine, and is refused: a job reads
 * the files that were uploaded, and writes into its own directory.
 */
const KEYS = new Set([
  ...["stage", "objective", "quantization", "compute", "adapter", "trainableLayers", "data", "deduplicate"],
  ...["template", "chatTemplateKwargs", "trainOn", "evaluation", "training", "shuffle", "seed"],
]);
const OF_DATA = new Set(["format", "columns", "task", "cluster", "weight", "maxExamples"]);
const OF_EVALUATION = new Set([
  ...["fraction", "format", "columns", "task", "cluster", "clusters"],
  ...["every", "patience", "generate", "maxTokens"],
]);
const TEMPLATES = ["chat", "alpaca", ...Object.keys(JINJA_TEMPLATES)];

/** Where a job's recipe reads and writes: the server's to say. */
export interface JobPlace {
  model: string;
  training: string;
  validation?: string;
  output: string;
}

type OwnRecipe = Record<string, unknown>;

/**
 * A client's recipe with the server's places.
 * @throws AttuneError for what it may not say, or what is no recipe.
 */
export function placedRecipe(own: OwnRecipe, { model, training, validation, output }: JobPlace): RecipeInput {
  const faults = faultsOf(own);
  if (faults.length > 0)
    throw new AttuneError({
      code: "server.recipe-key",
      problem: "a job's recipe may not say this:",
      faults,
    });
  const [entry = {}] = asList(own.data) as object[];
  const held = validation === undefined ? undefined : { path: validation };
  const evaluation = held || own.evaluation ? { ...(own.evaluation as object), ...held } : undefined;
  const recipe = {
    ...own,
    model,
    data: [{ ...entry, path: training }],
    ...(evaluation && { evaluation }),
    output,
  };
  parseRecipe(recipe);
  return recipe as unknown as RecipeInput;
}

const NOWHERE: JobPlace = { model: "model", training: "data.jsonl", output: "run" };

/** @throws AttuneError as a job would. */
export const checkOwnRecipe = (own: OwnRecipe, isValidated = false): Recipe =>
  parseRecipe(placedRecipe(own, isValidated ? { ...NOWHERE, validation: "held_out.jsonl" } : NOWHERE));

/** What a client may say of a recipe. */
export function ownPart(recipe: RecipeInput): OwnRecipe {
  const { data, evaluation, ...rest } = recipe as unknown as Record<string, Record<string, unknown>>;
  const entry = kept((data as unknown as Record<string, unknown>[] | undefined)?.[0], OF_DATA);
  const held = kept(evaluation, OF_EVALUATION);
  return {
    ...kept(rest, KEYS),
    ...(Object.keys(entry).length > 0 && { data: [entry] }),
    ...(Object.keys(held).length > 0 && { evaluation: held }),
  };
}

const kept = (value: Record<string, unknown> | undefined, keys: ReadonlySet<string>) =>
  Object.fromEntries(Object.entries(value ?? {}).filter(([key]) => keys.has(key)));

/** JSON Schema of what a client may say. */
export function ownRecipeSchema(): object {
  const { properties, required: _, ...rest } = JSON.parse(JSON.stringify(recipeJsonSchema())) as JsonSchema;
  const own = kept(properties, KEYS) as Record<string, JsonSchema>;
  const { data, evaluation, adapter, template } = own;
  Object.assign(data!, { maxItems: 1 });
  for (const [schema, keys] of [[data!.items!, OF_DATA] as const, [evaluation!, OF_EVALUATION] as const])
    schema.properties = kept(schema.properties, keys) as Record<string, JsonSchema>;
  adapter!.anyOf = adapter!.anyOf!.filter(({ properties }) => properties && !("path" in properties));
  Object.assign(template!, { enum: TEMPLATES });
  return { ...rest, properties: own };
}

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  anyOf?: JsonSchema[];
}

function faultsOf(own: OwnRecipe): Fault[] {
  const code = "server.recipe-key";
  const places = [
    ...strangers(own, KEYS, ""),
    ...strangers(asList(own.data)[0], OF_DATA, "data.0."),
    ...strangers(own.evaluation, OF_EVALUATION, "evaluation."),
    ...(isObject(own.adapter) && "path" in own.adapter ? ["adapter.path"] : []),
  ];
  const faults: Fault[] = places.map((place) => ({
    code,
    place,
    problem: "names a place that is the server's to choose, or is no key",
    wayOut: "Leave it out",
  }));
  if (asList(own.data).length > 1)
    faults.push({
      code,
      place: "data",
      problem: "a job has one file",
      wayOut: "Leave the other entries out",
    });
  if (typeof own.template === "string" && !TEMPLATES.includes(own.template))
    faults.push({ code, place: "template", expected: TEMPLATES.join(", "), got: own.template });
  return faults;
}

const asList = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
const strangers = (value: unknown, keys: ReadonlySet<string>, place: string): string[] =>
  isObject(value)
    ? Object.keys(value)
        .filter((key) => !keys.has(key))
        .map((key) => place + key)
    : [];
