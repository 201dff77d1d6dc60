import * as z from "zod";
import { nextTurnToken } from "../templates/next_turn.ts";
import type { Template, TemplateInput } from "../templates/template.ts";
import { AttuneError } from "../text/errors.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";

const EosTokenId = z.looseObject({
  eos_token_id: z.union([z.int().nonnegative(), z.array(z.int().nonnegative())]).nullish(),
});

/** The tokens after which a model has nothing more to say: as its files tell, and its tokenizer's eos. */
export function eosTokens(
  model: { config: Record<string, unknown>; generationConfig?: Record<string, unknown> },
  tokenizer: Tokenizer,
): Set<number> {
  const { eos } = tokenizer.specialTokens;
  const own = eos === undefined ? undefined : tokenizer.idOf(eos);
  return new Set([
    ...eosTokenIds("generation_config.json", model.generationConfig ?? {}),
    ...eosTokenIds("config.json", model.config),
    ...eosTokenIds("config.json: text_config", Object(model.config.text_config)), // of models that also see images
    ...(own === undefined ? [] : [own]),
  ]);
}

function eosTokenIds(file: string, config: Record<string, unknown>): number[] {
  const result = EosTokenId.safeParse(config);
  if (!result.success)
    throw new AttuneError({
      code: "generation.wrong-eos",
      place: `${file}: eos_token_id`,
      expected: "a token id or a list of them",
      got: JSON.stringify(config.eos_token_id),
    });
  return [result.data.eos_token_id ?? []].flat();
}

/**
 * The token that `template` ends an answer to a conversation with: a base model's eos may be another one, and a model tuned
 * with the template would never stop.
 */
export function endOfTurn(
  { messages, ...rest }: TemplateInput,
  template: Template,
  tokenizer: Tokenizer,
): number | undefined {
  const answer = "attune";
  const exchange = [...messages, { role: "assistant", content: answer } as const];
  const conversation = { messages: exchange, ...rest };
  const text = template.render(conversation, { addGenerationPrompt: false });
  const { ids } = tokenizer.encode(text.slice(text.lastIndexOf(answer) + answer.length));
  const own = ids.find(tokenizer.isSpecial) ?? ids.find(tokenizer.isAdded);
  if (own !== undefined) return own;
  const next = nextTurnToken(conversation, template, tokenizer);
  return next === undefined ? undefined : tokenizer.idOf(next);
}
