import { AttuneError } from "../../text/errors.ts";
import type { EncodeOptions, Encoding, Tokenizer } from "../../tokenizers/tokenizer.ts";

/** The text with the token that ends it, unless it ends so. @throws AttuneError when the tokenizer has none. */
export function withEos(text: string, { specialTokens, idOf }: Tokenizer): string {
  const { eos } = specialTokens;
  if (eos === undefined || idOf(eos) === undefined)
    throw new AttuneError({
      code: "data.no-eos",
      problem: `the tokenizer has no eos token (eos_token in tokenizer_config.json is ${JSON.stringify(eos)}), so the model would never learn to stop`,
    });
  return text.endsWith(eos) ? text : text + eos;
}

/** @throws AttuneError when it begins with two BOS. */
export function encodeText(text: string, tokenizer: Tokenizer, options: EncodeOptions): Encoding {
  const encoding = tokenizer.encode(text, options);
  const { bos } = tokenizer.specialTokens;
  const [first, second] = encoding.ids;
  if (bos !== undefined && first === tokenizer.idOf(bos) && second === first)
    throw new AttuneError({
      code: "data.two-bos",
      problem: `the text begins with ${bos} twice: the template writes one, the data another`,
      wayOut: "Leave one of them out",
    });
  return encoding;
}
