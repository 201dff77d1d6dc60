import { extname } from "node:path";
import type { OwnScorer, ScoreFunction } from "../evaluation/own_scores.ts";
import { patternScore } from "../evaluation/scores/pattern.ts";
import type { Score } from "../evaluation/scores/score.ts";
import { importDefault, moduleEndings } from "../files/import_module.ts";
import { readJsonFile } from "../files/json_file.ts";
import { AttuneError } from "../text/errors.ts";
import type { Recipe } from "../training/recipe.ts";

/** Scores that a recipe's `evaluation.scores` asks for. */
export interface AnswerScores {
  answers: Score[];
  own?: OwnScorer;
}

/** Opens them all: what is wrong with a pattern, a schema or a module is said now. @throws AttuneError that names it. */
export async function openAnswerScores({ evaluation }: Pick<Recipe, "evaluation">): Promise<AnswerScores> {
  const { pattern, schema, function: module } = evaluation?.scores ?? {};
  const answers: Score[] = [];
  if (schema !== undefined) answers.push(await schemaScore(schema));
  if (pattern !== undefined) answers.push(patternScore(pattern, "evaluation.scores.pattern"));
  return { answers, ...(module !== undefined && { own: await openOwn(module) }) };
}

/** Reads the checker of schemas only where there is one. */
async function schemaScore(file: string): Promise<Score> {
  const { jsonSchemaScore } = await import("../evaluation/scores/json_schema.ts");
  return jsonSchemaScore(await readJsonFile(file), file);
}

async function openOwn(place: string): Promise<OwnScorer> {
  if (!moduleEndings.includes(extname(place).toLowerCase()))
    throw new AttuneError({
      code: "run.scorer-module",
      place: `evaluation.scores.function: ${place}`,
      expected: `a module that ends in ${moduleEndings.join(", ")}`,
      got: extname(place) || "no ending",
    });
  const score = await importDefault(place, "a function of an answer and its row");
  if (typeof score === "function") return { place, score: score as ScoreFunction };
  throw new AttuneError({
    code: "run.scorer-module",
    place,
    expected: "a default export that is a function of an answer and its row",
    got: typeof score,
  });
}
