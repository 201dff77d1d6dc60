import { AttuneError } from "../text/errors.ts";
import type { Tokenizer } from "./tokenizer.ts";

export const MEDIA_TOKEN = "tokenizers.media-token";

/**
 * Models that also see or hear put an image's or a sound's states in the places of such tokens: as text they mean nothing.
 * @throws AttuneError that names the token.
 */
export function refuseMedia(
  ids: Iterable<number>,
  { isMedia, tokenOf }: Pick<Tokenizer, "isMedia" | "tokenOf">,
): void {
  for (const id of ids) if (isMedia(id)) throw isMediaToken(id, tokenOf(id));
}

export const isMediaToken = (id: number, token?: string): AttuneError =>
  new AttuneError({
    code: MEDIA_TOKEN,
    problem: `the text has ${token === undefined ? "" : `${JSON.stringify(token)}, `}token ${id}, in whose place the model sees an image or hears a sound: attune computes text alone`,
    wayOut: "Leave it out of the text",
  });
