import { Ajv, type Options } from "ajv";
import { Ajv2019 } from "ajv/dist/2019.js";
import { Ajv2020 } from "ajv/dist/2020.js";
import { AttuneError } from "../../text/errors.ts";
import { bounded } from "../bounded.ts";
import { jsonOf } from "./json_text.ts";
import { meanScore, type Score } from "./score.ts";

/**
 * The answer is JSON that a JSON Schema allows: draft 7, 2019-09 and 2020-12, the last when it names none. `format` says
 * nothing, as the later drafts have it.
 * @param place the file it comes from
 * @throws AttuneError when it is no such schema; the score does when checking an answer takes too long.
 */
export function jsonSchemaScore(schema: unknown, place: string): Score {
  const validate = compile(schema, place);
  return meanScore("jsonSchema", (answer) => {
    const found = jsonOf(answer);
    if (!found) return false;
    return bounded(() => validate(found.value) === true, {
      code: "evaluation.slow-schema",
      place,
      problem: "checking an answer against it takes too long",
      wayOut: "Simplify what refers to itself, and its patterns",
    });
  });
}

/** Unknown keywords are slips; what is only unusual is allowed. Copies of what is referred to could grow without bound. */
const OPTIONS: Options = {
  strictSchema: true,
  strictTypes: false,
  strictTuples: false,
  strictRequired: false,
  validateFormats: false,
  inlineRefs: false,
  logger: false,
};

function compile(schema: unknown, place: string): (value: unknown) => unknown {
  if (typeof schema !== "boolean" && (typeof schema !== "object" || schema === null || Array.isArray(schema)))
    throw invalid(place, "it is no JSON Schema: expected an object");
  const compiled = bounded(() => attempt(() => makeAjv(schema).compile(schema)), {
    code: "evaluation.slow-schema",
    place,
    problem: "it is too deep, or too large, to be read",
  });
  if ("error" in compiled) throw invalid(place, String((compiled.error as Error).message ?? compiled.error));
  return compiled.value;
}

/** Errors of its own, told apart from the end of a bounded work. */
function attempt<T>(work: () => T): { value: T } | { error: unknown } {
  try {
    return { value: work() };
  } catch (error) {
    if (error instanceof RangeError) throw error;
    return { error };
  }
}

const invalid = (place: string, problem: string) =>
  new AttuneError({ code: "evaluation.bad-schema", place, problem, wayOut: "Correct the schema" });

function makeAjv(schema: object | boolean) {
  const named = typeof schema === "object" && "$schema" in schema ? String(schema.$schema) : "";
  if (named.includes("draft-0")) return new Ajv(OPTIONS);
  if (named.includes("2019-09")) return new Ajv2019(OPTIONS);
  return new Ajv2020(OPTIONS);
}
