/** Models that also see images, as far as their text goes: their text model is one of the other families. */

import * as z from "zod";
import { AttuneError } from "../text/errors.ts";
import { excerpt } from "../text/excerpt.ts";
import { notComputed, parseFields } from "./config.ts";
import { LLAMA } from "./decoder.ts";
import type { Config, Family, Model, Names } from "./family.ts";
import type { Scope } from "./scope.ts";

const TEXT = "text_config";
const ROOT = "model.language_model";

/** By transformers' modules; its files have other names. */
const NAMES: Names = {
  ...LLAMA,
  root: ROOT,
  inFiles: [
    ["language_model.model.", `${ROOT}.`],
    ["language_model.lm_head.", "lm_head."],
    ["language_model.", `${ROOT}.`],
    ["vision_tower.", "model.vision_tower."],
    ["multi_modal_projector.", "model.multi_modal_projector."],
  ],
  beside: ["model.vision_tower", "model.multi_modal_projector"],
};

export interface SeeingOptions {
  /** Whether the ends are tied where config.json doesn't say; they are when left out. */
  tied?: boolean;
  /** See Names; of models with these names in files, too. */
  beside?: readonly string[];
  /** See Model. */
  media: (config: Config) => readonly number[];
}

const tokenId = z.int().nonnegative().nullish();

/** Ids of the tokens for kinds of media, under either name that files have for them; `defaults` are transformers'. */
export const mediaTokens =
  (defaults: Readonly<Record<string, number>>) =>
  (config: Config): number[] =>
    Object.entries(defaults).flatMap(([kind, id]) => {
      const keys = [`${kind}_token_id`, `${kind}_token_index`];
      const said = parseFields(
        "",
        z.looseObject(Object.fromEntries(keys.map((key) => [key, tokenId]))),
        config,
      );
      const [key = ""] = keys.filter((name) => said[name] !== undefined);
      return key === "" ? [id] : said[key] === null ? [] : [said[key] as number];
    });

/**
 * @param texts families that the text model may be of, the first one where config.json does not say
 * @param defaults what transformers takes where `text_config` leaves a key out
 */
export function seeing(
  modelType: string,
  texts: readonly Family[],
  defaults: Config,
  { tied = true, beside, media }: SeeingOptions,
): Family {
  const textFields = z.looseObject({
    [TEXT]: z.record(z.string(), z.unknown()),
    tie_word_embeddings: z.boolean().default(tied),
  });
  const textConfig = (config: Config): Config => {
    const { [TEXT]: text, tie_word_embeddings } = parseFields("", textFields, config);
    return { model_type: texts[0]!.modelType, ...defaults, ...text, tie_word_embeddings };
  };
  return {
    modelType,
    layersDiffer: texts.some((one) => one.layersDiffer),
    names: beside ? { ...NAMES, inFiles: [], beside } : NAMES,
    textPart: { key: TEXT, config: textConfig },
    read(config) {
      const text = textConfig(config);
      const family = texts.find((one) => one.modelType === text.model_type);
      if (family)
        return {
          ...atRoot(
            modelType,
            insideOfText(() => family.read(text)),
          ),
          media: media(config),
        };
      const expected = texts.map((one) => one.modelType).join(" or ");
      throw notComputed([{ place: `${TEXT}.model_type`, expected, got: excerpt(text.model_type) }]);
    },
  };
}

/** A text model whose parameters lie deeper. */
const atRoot = (modelType: string, model: Model): Model => ({
  ...model,
  modelType,
  ends: { embedding: `${ROOT}.${LLAMA.embedding}`, head: LLAMA.head },
  decode(scope, pass) {
    const at = (name: string): Scope => scope.at(name === LLAMA.root ? ROOT : name);
    return model.decode({ ...scope, at }, pass);
  },
});

/** Faults of the text model's keys, by where they lie. */
function insideOfText<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof AttuneError)) throw error;
    throw notComputed(error.faults.map((fault) => ({ ...fault, place: `${TEXT}.${fault.place}` })));
  }
}
