import type { TokenizePlan } from "../data/tokenize/tokenize_plan.ts";
import type { Base } from "../pretrained/base_of.ts";
import { makeTemplate, type TemplatePlan } from "../templates/template.ts";
import { checkVariables } from "../templates/template_variables.ts";
import { openObjective } from "../training/objectives/objectives.ts";
import type { Recipe } from "../training/recipe.ts";

/** How the recipe's examples become tokens. @throws AttuneError when the template doesn't know one of its variables. */
export function tokenizePlan(
  { stage, trainOn, training, objective, chatTemplateKwargs: variables }: Recipe,
  { directory, model, tokenizer, tokenizerConfig, eosIds }: Base,
  template: TemplatePlan,
): TokenizePlan {
  if (variables) checkVariables(makeTemplate(template, tokenizer), variables, "chatTemplateKwargs");
  return {
    tokenizerJson: directory.tokenizerJson,
    tokenizerConfig,
    eosIds,
    ...(model.media && { mediaIds: model.media }),
    template,
    settings: { stage, trainOn, answers: openObjective(objective).answers, maxLength: training.maxLength },
  };
}
