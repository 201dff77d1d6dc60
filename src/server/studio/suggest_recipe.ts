import { type InitChoices, proposeRecipe } from "../../run/init/propose.ts";
import { surveyData } from "../../run/init/survey_data.ts";
import { type JobPlace, ownPart } from "../jobs/own_recipe.ts";

const HELD_OUT = 0.1;
const ANSWERED = 6; // held-out rows at each evaluation: enough to see what it learns
const MANY = 50; // rows, from which on some can be spared

interface Wishes extends Pick<InitChoices, "preset" | "method" | "columns"> {
  heldOut?: number;
}

/** What `attune init` would write for such data and model, with its reasons. */
export async function suggestRecipe(place: JobPlace, { preset, method, columns, heldOut }: Wishes) {
  const { model, training, validation, output } = place;
  const survey = await surveyData([training], undefined, columns);
  const share = validation !== undefined ? 0 : (heldOut ?? (survey.rows >= MANY ? HELD_OUT : 0));
  const choices = { data: [training], columns, model, preset, method, heldOut: share, output };
  const { recipe, keys, notes } = await proposeRecipe(choices, survey);
  const isAnswered =
    recipe.evaluation && (recipe.objective?.type ?? "sft") === "sft" && recipe.stage === "instruct";
  if (isAnswered && recipe.evaluation!.generate === undefined) {
    recipe.evaluation!.generate = ANSWERED;
    keys.push({
      key: "evaluation.generate",
      value: ANSWERED,
      reason: "some held-out rows are answered on the way",
    });
  }
  const reasons = keys.filter(({ reason, key }) => reason !== undefined && key !== "output");
  return {
    recipe: ownPart(recipe),
    reasons: Object.fromEntries(reasons.map(({ key, reason }) => [key, reason])),
    survey: {
      ...{ rows: survey.rows, kinds: survey.kinds, duplicates: survey.duplicates },
      unusable: survey.unusable.count,
      scripts: survey.scripts,
      labels: survey.labels ?? null,
    },
    notes,
  };
}
