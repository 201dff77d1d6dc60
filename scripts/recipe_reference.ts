/** docs/recipe.md, made from the recipe's schema. */
import { recipeJsonSchema } from "../src/training/recipe.ts";

/** The parts of a JSON Schema that the recipe's has. */
interface Schema {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: string[];
  const?: string;
  anyOf?: Schema[];
  /** Of a union whose branches exclude each other. */
  oneOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | false;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
}

const OPENING = `# The recipe, key by key

Generated from the schema by \`npm run reference\`: the same schema checks recipes, types them in TypeScript and completes
them in editors. Paths are relative to the working directory. Unknown keys are errors. [The guide](guide.md) says what
the keys are for.

In VS Code with the YAML extension, begin a recipe with

\`\`\`yaml
# yaml-language-server: $schema=./node_modules/attune/dist/recipe.schema.json
\`\`\`

With \`stages\`, a list, one recipe runs several, each from the last one's result. A stage takes the keys below but
\`output\`, and \`model\` in the first one alone; what stands beside \`stages\` goes for every stage that doesn't give
it, with \`training\` and \`evaluation\` merged key by key. It has two more keys: \`name\`, of its directory, and
\`replay\`, the share of its examples that come from earlier stages' data. An \`adapter\` of its own begins on the
earlier one merged; \`adapter: null\` trains all weights.
`;

export function recipeReference(): string {
  const schema = recipeJsonSchema() as Schema;
  return [OPENING, ...sections("", schema)].join("\n");
}

/** The table of `schema`'s keys, then one for each object among them. `path` is `data[].task`, `note` tells branches apart. */
function sections(path: string, schema: Schema, note = ""): string[] {
  const title = path === "" ? "Top level" : `${code(path)}${note}`;
  const description = schema.description && path !== "" ? [schema.description, ""] : [];
  const own = [`## ${title}`, "", ...description, ...table(schema), ""];
  const nested = Object.entries(schema.properties ?? {}).flatMap(([key, value]) =>
    objectsIn(join(path, key), value).flatMap((object) => sections(...object)),
  );
  return [...own, ...nested];
}

const code = (text: string) => `\`${text}\``;
const join = (path: string, key: string) => (path === "" ? key : `${path}.${key}`);

/** The objects a value may be, or be a list of, and how to tell them apart. */
function objectsIn(path: string, value: Schema): [path: string, schema: Schema, note?: string][] {
  if (value.properties) return [[path, value]];
  if (value.items) return objectsIn(`${path}[]`, value.items);
  const branches = branchesOf(value).filter((branch) => branch.properties);
  return branches.map((branch) => [path, branch, `, with ${branch.required!.map(told(branch)).join(", ")}`]);
}

const branchesOf = ({ anyOf, oneOf }: Schema) => anyOf ?? oneOf ?? [];

/** A key as `path`, or, where it has one value only, as `type: lora`. */
const told =
  ({ properties }: Schema) =>
  (key: string) =>
    code(properties![key]!.const === undefined ? key : `${key}: ${properties![key]!.const}`);

function table({ properties = {}, required = [] }: Schema): string[] {
  const rows = Object.entries(properties).map(([key, value]) => {
    const fallback = required.includes(key) ? "required" : defaultOf(value);
    return `| \`${key}\` | ${typeOf(value)} | ${fallback} | ${value.description ?? ""} |`;
  });
  return ["| key | value | default | |", "| --- | --- | --- | --- |", ...rows];
}

function defaultOf({ default: value, properties }: Schema): string {
  if (value === undefined || properties) return "";
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

function typeOf(value: Schema): string {
  if (value.const !== undefined) return code(value.const);
  if (value.enum) return value.enum.map(code).join(", ");
  if (branchesOf(value).length > 0) return [...new Set(branchesOf(value).map(typeOf))].join(", or ");
  if (value.items) return `list of ${typeOf(value.items)}s`;
  if (value.properties) return "object";
  if (value.additionalProperties) return `names, each with ${typeOf(value.additionalProperties)}`;
  if (value.type === undefined) return "any value";
  return `${NAMES[value.type] ?? value.type}${rangeOf(value)}`;
}

const NAMES: Record<string, string> = { string: "text", integer: "whole number", boolean: "true or false" };

function rangeOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Schema): string {
  const unbounded = maximum === Number.MAX_SAFE_INTEGER;
  const bounds = [
    minimum !== undefined && `≥ ${minimum}`,
    exclusiveMinimum !== undefined && `> ${exclusiveMinimum}`,
    maximum !== undefined && !unbounded && `≤ ${maximum}`,
    exclusiveMaximum !== undefined && `< ${exclusiveMaximum}`,
  ].filter((bound) => bound !== false);
  return bounds.length > 0 ? ` ${bounds.join(", ")}` : "";
}
