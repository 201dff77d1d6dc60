import { AttuneError, type Fault } from "../text/errors.ts";
import type { GenerationSettings } from "./generation_config.ts";
import type { Sampling, Warping } from "./sample.ts";
import { CORRECT } from "./settings_reader.ts";

/** How the next token is chosen, checked. */
export interface ResolvedSampling extends Warping {
  repetitionPenalty?: number;
}

/**
 * How to sample: as `wanted`, else as the model's files say, else greedily. As in transformers, what the files say of
 * sampling holds only with `do_sample`, or once a temperature is given; and of all tokens the 50 likeliest count.
 * @throws AttuneError that names every setting out of its range, and the file where it stands there.
 */
export function resolveSampling(
  { file, doSample, sampling: own, rules }: GenerationSettings,
  wanted: Partial<Sampling>,
): ResolvedSampling {
  const temperature = wanted.temperature ?? (doSample ? (own.temperature ?? 1) : 0);
  const repetitionPenalty = wanted.repetitionPenalty ?? rules.repetitionPenalty;
  const resolved: ResolvedSampling = { ...own, ...given(wanted), temperature, repetitionPenalty };
  resolved.topK ??= DEFAULT_TOP_K;
  const used = temperature === 0 ? { temperature, repetitionPenalty } : resolved;
  const names = Object.keys(RANGES).filter((name) => name in given(wanted) || name in used) as SettingName[];
  const faults = names.flatMap((name): Fault[] => {
    const { key, expected, fits } = RANGES[name];
    const value = resolved[name];
    if (value === undefined || fits(value)) return [];
    const isOwn = wanted[name as keyof Sampling] === undefined;
    const place = isOwn ? `${file}: ${key}` : name;
    return [
      {
        code: "generation.setting-out-of-range",
        place,
        expected,
        got: String(value),
        ...(isOwn && { wayOut: CORRECT }),
      },
    ];
  });
  if (faults.length === 0) return resolved;
  throw new AttuneError(
    faults.length === 1
      ? faults[0]!
      : {
          code: "generation.settings-out-of-range",
          problem: "settings of sampling are out of their range",
          faults,
        },
  );
}

/** transformers' default for sampling. */
const DEFAULT_TOP_K = 50;

const given = (wanted: Partial<Sampling>): Partial<Sampling> => {
  const { temperature, topK, topP, minP, repetitionPenalty } = wanted;
  const all = { temperature, topK, topP, minP, repetitionPenalty };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
};

type SettingName = "temperature" | "topK" | "topP" | "minP" | "topH" | "typicalP" | "repetitionPenalty";

const RANGES: Record<SettingName, { key: string; expected: string; fits(value: number): boolean }> = {
  temperature: { key: "temperature", expected: "a number of 0 or more", fits: (v) => v >= 0 && v < Infinity },
  topK: {
    key: "top_k",
    expected: "a whole number, 0 for all",
    fits: (v) => Number.isSafeInteger(v) && v >= 0,
  },
  topP: { key: "top_p", expected: "a number from 0 to 1", fits: (v) => v >= 0 && v <= 1 },
  minP: { key: "min_p", expected: "a number from 0 to 1", fits: (v) => v >= 0 && v <= 1 },
  topH: { key: "top_h", expected: "a number above 0, up to 1", fits: (v) => v > 0 && v <= 1 },
  typicalP: { key: "typical_p", expected: "a number above 0, up to 1", fits: (v) => v > 0 && v <= 1 },
  repetitionPenalty: {
    key: "repetition_penalty",
    expected: "a number above 0",
    fits: (v) => v > 0 && v < Infinity,
  },
};
