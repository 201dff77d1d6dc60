import { AttuneError, type Fault } from "../text/errors.ts";
import { isPlainObject } from "../text/plain_object.ts";
import type { Warping } from "./sample.ts";
import {
  BOOLEAN,
  CORRECT,
  DECAY,
  IDS,
  idKinds,
  isNumber,
  NUMBER,
  oneOrMore,
  POSITIVE,
  type Read,
  settingsReader,
  TEXTS,
  WHOLE,
  wholeFrom,
} from "./settings_reader.ts";
import type { RuleSettings } from "./token_rules.ts";
import { otherKnownKeys, unfollowedSettings } from "./unfollowed_settings.ts";

/** What a model's own files say about how its answers are generated. */
export interface GenerationSettings {
  /** The file that says it. */
  file: string;
  doSample: boolean;
  /** As the file has it, its range unchecked: a caller may want something else. */
  sampling: Partial<Warping>;
  rules: RuleSettings;
  maxNewTokens?: number;
  /** Of prompt and answer together. */
  maxLength?: number;
  /** Seconds. */
  maxTime?: number;
  stopStrings: readonly string[];
  eosIds: ReadonlySet<number>;
  /** What the file asks for that does nothing here, a line each. */
  notes: readonly string[];
}

interface Files {
  path: string;
  config: Record<string, unknown>;
  /** undefined where there is no generation_config.json. */
  generationConfig?: Record<string, unknown>;
}

/**
 * The settings of generation_config.json; where there is no such file those in config.json, as transformers does.
 * @throws AttuneError that names the file and every key whose value can't be followed.
 */
export function readGenerationSettings(files: Files, vocabSize: number): GenerationSettings {
  const { path, generationConfig } = files;
  const file = `${path}/${generationConfig ? "generation_config.json" : "config.json"}`;
  const values = generationConfig ?? legacySettings(files.config);
  const { read, faults } = settingsReader(values, file);
  const sampling = readSampling(read);
  const settings: GenerationSettings = {
    file,
    doSample: read("do_sample", BOOLEAN) ?? false,
    sampling: { ...sampling, topP: atMostOne(sampling.topP), typicalP: atMostOne(sampling.typicalP) },
    rules: readRules(read, idKinds(vocabSize)),
    maxNewTokens: read("max_new_tokens", wholeFrom(1)),
    maxLength: read("max_length", wholeFrom(1)),
    maxTime: read("max_time", NUMBER),
    stopStrings: oneOrMore(read("stop_strings", TEXTS)).filter((text) => text !== ""),
    eosIds: new Set(oneOrMore(read("eos_token_id", idKinds().oneOrMore))),
    notes: [...oddSampling(values), ...unfollowedSettings(values, FOLLOWED)],
  };
  faults.push(...forcedAndSuppressed(settings.rules, file));
  if (faults.length === 0) return settings;
  throw new AttuneError(faults.length === 1 ? faults[0]! : { ...SEVERAL, place: file, faults });
}

/** A token can't be both: at that step none would be left. */
function forcedAndSuppressed({ suppressTokens = [], ...forced }: RuleSettings, file: string): Fault[] {
  const keys = [
    ["forced_bos_token_id", forced.forcedBosTokenId],
    ["forced_eos_token_id", forced.forcedEosTokenId],
  ] as const;
  return keys.flatMap(([key, value]) => {
    const ids = value === undefined ? [] : [value].flat();
    if (ids.length === 0 || !ids.every((id) => suppressTokens.includes(id))) return [];
    const problem = "forces a token that suppress_tokens rules out";
    return [{ code: "generation.config-contradiction", place: `${file}: ${key}`, problem, wayOut: CORRECT }];
  });
}

const SEVERAL = { code: "generation.wrong-config", problem: "these settings can't be followed" };

const readSampling = (read: Read): Partial<Warping> => ({
  temperature: read("temperature", NUMBER),
  topK: read("top_k", NUMBER),
  topP: read("top_p", NUMBER),
  minP: read("min_p", NUMBER),
  topH: read("top_h", NUMBER),
  typicalP: read("typical_p", NUMBER),
  epsilonCutoff: within(read("epsilon_cutoff", NUMBER)),
  etaCutoff: within(read("eta_cutoff", NUMBER)),
});

/** transformers takes cutoffs outside of (0, 1) for none. */
const within = (cutoff = 0) => (cutoff > 0 && cutoff < 1 ? cutoff : undefined);
/** As transformers takes it. */
const atMostOne = (share: number | undefined) => share && Math.min(share, 1);

function readRules(read: Read, ids: ReturnType<typeof idKinds>): RuleSettings {
  const biases = read("sequence_bias", ids.biases);
  const forcedEos = read("forced_eos_token_id", ids.oneOrMore);
  return {
    // Of a sequence that is there twice the later bias counts, as in a Python dict.
    sequenceBias: biases && [...new Map(biases.map(([ids, bias]) => [ids.join(), { ids, bias }])).values()],
    encoderRepetitionPenalty: read("encoder_repetition_penalty", POSITIVE),
    repetitionPenalty: read("repetition_penalty", NUMBER),
    noRepeatNgramSize: read("no_repeat_ngram_size", WHOLE),
    encoderNoRepeatNgramSize: read("encoder_no_repeat_ngram_size", WHOLE),
    badWordsIds: read("bad_words_ids", ids.sequences),
    minLength: read("min_length", WHOLE),
    minNewTokens: read("min_new_tokens", WHOLE),
    forcedBosTokenId: read("forced_bos_token_id", ids.one),
    forcedEosTokenId: forcedEos === undefined ? undefined : oneOrMore(forcedEos),
    removeInvalidValues: read("remove_invalid_values", BOOLEAN),
    exponentialDecayLengthPenalty: read("exponential_decay_length_penalty", DECAY),
    suppressTokens: read("suppress_tokens", IDS),
    beginSuppressTokens: read("begin_suppress_tokens", IDS),
  };
}

const FOLLOWED = [
  ...[
    "do_sample",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "top_h",
    "typical_p",
    "epsilon_cutoff",
    "eta_cutoff",
  ],
  ...["sequence_bias", "encoder_repetition_penalty", "repetition_penalty", "no_repeat_ngram_size"],
  ...["encoder_no_repeat_ngram_size", "bad_words_ids", "min_length", "min_new_tokens", "forced_bos_token_id"],
  ...["forced_eos_token_id", "remove_invalid_values", "exponential_decay_length_penalty", "suppress_tokens"],
  ...["begin_suppress_tokens", "max_new_tokens", "max_length", "max_time", "stop_strings", "eos_token_id"],
];

/** Settings of generation in config.json, or in its part for the text model. */
function legacySettings(config: Record<string, unknown>): Record<string, unknown> {
  const part = ["decoder", "generator", "text_config"].map((key) => config[key]).find(isPlainObject);
  const both = {
    ...part,
    ...Object.fromEntries(Object.entries(config).filter(([, value]) => value !== null)),
  };
  const known = [...FOLLOWED, ...otherKnownKeys].filter((key) => Object.hasOwn(both, key));
  return Object.fromEntries(known.map((key) => [key, both[key as keyof typeof both]]));
}

/** Values that transformers refuses, or takes for another, and that have an obvious meaning. */
function oddSampling(values: Readonly<Record<string, unknown>>): string[] {
  if (values.do_sample !== true) return [];
  const above = (key: string) => isNumber(values[key]) && values[key] > 1;
  return [
    values.temperature === 0 && "temperature is 0 beside do_sample: the likeliest token is taken",
    above("top_p") && `top_p is ${values.top_p}, above 1: all tokens count`,
    above("typical_p") && `typical_p is ${values.typical_p}, above 1: all tokens count`,
  ].filter((note) => note !== false);
}
