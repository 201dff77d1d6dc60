/** Which settings of generation_config.json change nothing here, and which would but are not followed. */
import { excerpt } from "../text/excerpt.ts";

type Settings = Readonly<Record<string, unknown>>;

const isOn = (value: unknown) => value !== undefined && value !== null && value !== false;
const above = (least: number) => (value: unknown) => typeof value === "number" && value > least;

/** What transformers would do with it, by key, and the values with which it would. */
const NOT_FOLLOWED: Readonly<Record<string, { what: string; isUsed: (value: unknown) => boolean }>> = {
  num_beams: { what: "beam search", isUsed: above(1) },
  num_beam_groups: { what: "group beam search", isUsed: above(1) },
  diversity_penalty: { what: "group beam search", isUsed: above(0) },
  constraints: { what: "constrained beam search", isUsed: isOn },
  force_words_ids: { what: "constrained beam search", isUsed: isOn },
  penalty_alpha: { what: "contrastive search", isUsed: above(0) },
  dola_layers: { what: "DoLa", isUsed: isOn },
  guidance_scale: { what: "classifier-free guidance", isUsed: (value) => isOn(value) && value !== 1 },
  watermarking_config: { what: "a watermark", isUsed: isOn },
  token_healing: { what: "token healing", isUsed: isOn },
  num_return_sequences: { what: "several answers", isUsed: above(1) },
};

/** Keys of transformers 5.18 that do not change which tokens come, and those of files it has written before. */
const WITHOUT_EFFECT = [
  ...["bos_token_id", "pad_token_id", "decoder_start_token_id", "transformers_version"],
  // Of beam search alone.
  ...["early_stopping", "length_penalty"],
  // Of how it computes and what it gives back.
  ...[
    "use_cache",
    "cache_implementation",
    "cache_config",
    "max_cache_len",
    "low_memory",
    "prefill_chunk_size",
  ],
  ...["compile_config", "disable_compile", "continuous_batching_config"],
  ...[
    "return_dict_in_generate",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "output_logits",
  ],
  // Of drafts that the model itself checks: the same answers, faster.
  ...["use_mtp", "is_assistant", "num_assistant_tokens", "num_assistant_tokens_schedule", "speculation_type"],
  ...["assistant_confidence_threshold", "assistant_early_exit", "assistant_lookbehind", "target_lookbehind"],
  ...["assistant_ensemble_weight", "prompt_lookup_num_tokens", "max_matching_ngram_size"],
  // It only normalizes the scores, which the softmax and the likeliest token do not depend on.
  "renormalize_logits",
];

/** Settings that only sampling looks at, with the value that has no effect. */
const OF_SAMPLING: Settings = {
  temperature: 1,
  top_p: 1,
  top_k: 50,
  min_p: undefined,
  top_h: undefined,
  typical_p: 1,
  epsilon_cutoff: 0,
  eta_cutoff: 0,
};

/** Keys that are known, followed or not, besides `followed`. */
export const otherKnownKeys: readonly string[] = [...Object.keys(NOT_FOLLOWED), ...WITHOUT_EFFECT];

/** A line for each kind of setting that is there and does nothing; none where all is followed. */
export function unfollowedSettings(settings: Settings, followed: readonly string[]): string[] {
  const names = Object.keys(settings).filter((key) => isOn(settings[key]));
  const unused = names.filter(
    (key) => Object.hasOwn(NOT_FOLLOWED, key) && NOT_FOLLOWED[key]!.isUsed(settings[key]),
  );
  const known = new Set([...followed, ...otherKnownKeys]);
  const unknown = names.filter((key) => !known.has(key) && !key.startsWith("_"));
  const idle = settings.do_sample === false ? names.filter((key) => isIdle(key, settings[key])) : [];
  return [
    unused.length > 0 &&
      `not followed: ${some(unused.map((key) => `${key} ${excerpt(settings[key], 20)} (${NOT_FOLLOWED[key]!.what})`))}`,
    idle.length > 0 && `do_sample is false, so ${some(idle)} ${idle.length === 1 ? "does" : "do"} nothing`,
    unknown.length > 0 && `unknown to transformers, and without effect: ${some(unknown)}`,
  ].filter((line) => line !== false);
}

const isIdle = (key: string, value: unknown) => Object.hasOwn(OF_SAMPLING, key) && value !== OF_SAMPLING[key];

const SHOWN = 8;

const some = (names: readonly string[]) => {
  const shown = names
    .slice(0, SHOWN)
    .map((name) => name.slice(0, 60))
    .join(", ");
  return names.length > SHOWN ? `${shown} and ${names.length - SHOWN} more` : shown;
};
