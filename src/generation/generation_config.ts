import * as z from "zod";
import { AttuneError } from "../text/errors.ts";
import { checkSampling, type Sampling } from "./sample.ts";

const GenerationConfig = z.looseObject({
  do_sample: z.boolean().nullish(),
  temperature: z.number().nullish(),
  top_k: z.number().nullish(),
  top_p: z.number().nullish(),
  min_p: z.number().nullish(),
  repetition_penalty: z.number().nullish(),
});

/**
 * How to sample: as `wanted`, else as the model's generation_config.json says, else greedily. As in transformers, what
 * the file says of sampling holds only with `do_sample`, or once a temperature is given.
 */
export function resolveSampling(
  generationConfig: Readonly<Record<string, unknown>>,
  wanted: Partial<Sampling>,
): Sampling {
  const result = GenerationConfig.safeParse(generationConfig);
  if (!result.success) throw new AttuneError(`generation_config.json:\n${z.prettifyError(result.error)}`);
  const file = result.data;
  const sampling = {
    temperature: wanted.temperature ?? (file.do_sample ? (file.temperature ?? 1) : 0),
    topK: wanted.topK ?? file.top_k ?? undefined,
    topP: wanted.topP ?? file.top_p ?? undefined,
    minP: wanted.minP ?? file.min_p ?? undefined,
    repetitionPenalty: wanted.repetitionPenalty ?? file.repetition_penalty ?? undefined,
  };
  checkSampling(sampling);
  return sampling;
}
