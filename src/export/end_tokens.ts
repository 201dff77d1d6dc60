import { endOfTurn, eosTokens } from "../generation/stop_tokens.ts";
import { type Base, openTemplate } from "../pretrained/base.ts";
import { AttuneError } from "../text/errors.ts";

/**
 * Ids that end what the model writes: by its files, and the one that the template ends an answer with, which may be another
 * of a base model that was tuned to talk. The tokenizer's eos comes first.
 */
export async function endTokens(base: Base, template?: string): Promise<number[]> {
  const { directory, tokenizer } = base;
  const { eos } = tokenizer.specialTokens;
  const own = eos === undefined ? undefined : tokenizer.idOf(eos);
  const turn = template === "none" ? undefined : await endOfTemplate(base, template);
  const ids = [own, turn, ...eosTokens(directory, tokenizer)];
  return [...new Set(ids)].filter((id) => id !== undefined);
}

/** A template that can't write a plain exchange tells nothing. */
async function endOfTemplate(base: Base, name: string | undefined): Promise<number | undefined> {
  try {
    const template = await openTemplate(base, { name });
    return endOfTurn({ messages: [{ role: "user", content: "Hi" }] }, template, base.tokenizer);
  } catch (error) {
    if (error instanceof AttuneError) return undefined;
    throw error;
  }
}
