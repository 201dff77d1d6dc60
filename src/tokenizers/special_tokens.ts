import { AttuneError } from "../text/errors.ts";
import { excerpt } from "../text/excerpt.ts";

export interface SpecialTokens {
  bos?: string;
  eos?: string;
  pad?: string;
  unk?: string;
}

/** transformers' names of special tokens. A model may have others, such as `image_token`. */
export const SPECIAL_TOKEN_KEYS: readonly string[] = [
  ...["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"],
];

/**
 * The special tokens of a tokenizer_config.json, as transformers 5 reads them: those with a name, by which templates
 * know them (`…_token`, and the keys of a dict of `extra_special_tokens`), and those of a list, which have none.
 * `additional_special_tokens` is what transformers 4 called them.
 * @throws AttuneError naming the key that is neither text nor {"content": …}.
 */
export function namedTokens(config: Readonly<Record<string, unknown>>): {
  named: Record<string, string>;
  others: string[];
} {
  const named: Record<string, string> = {};
  for (const [key, value] of Object.entries(config)) {
    const isOwn = SPECIAL_TOKEN_KEYS.includes(key);
    if (!key.endsWith("_token") || (!isOwn && contentOf(value) === undefined)) continue;
    if (value !== null && value !== undefined && value !== "") named[key] = requireContent(key, value);
  }
  const others: string[] = [];
  for (const [key, extra] of extraTokens(config)) {
    if (Array.isArray(extra))
      others.push(...extra.filter((token) => token !== null).map((token) => requireContent(key, token)));
    else
      for (const [name, token] of Object.entries(extra))
        named[name] = requireContent(`${key}.${name}`, token);
  }
  return { named, others };
}

type TokenList = unknown[] | Record<string, unknown>;

/** The key, and its list or dict. Both keys count only where `extra_special_tokens` is a dict. */
export function extraTokens(config: Readonly<Record<string, unknown>>): [key: string, tokens: TokenList][] {
  const { extra_special_tokens: extra } = config;
  const keys = Array.isArray(extra) && extra.length > 0 ? [EXTRA] : isEmpty(extra) ? [OLD] : [EXTRA, OLD];
  return keys.flatMap((key): [string, TokenList][] => {
    const value = config[key];
    if (value === null || value === undefined) return [];
    if (typeof value !== "object") throw wrong(key, "a list of tokens, or a dict of named ones", value);
    return [[key, value as TokenList]];
  });
}

const EXTRA = "extra_special_tokens";
const OLD = "additional_special_tokens";

function isEmpty(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return value === null || value === undefined;
  return Object.keys(value).length === 0;
}

/** Of a token as text, or as an AddedToken's fields. */
function contentOf(value: unknown): string | undefined {
  const content = typeof value === "object" ? (value as { content?: unknown } | null)?.content : value;
  return typeof content === "string" && content !== "" ? content : undefined;
}

function requireContent(key: string, value: unknown): string {
  const content = contentOf(value);
  if (content === undefined) throw wrong(key, 'a token: text, or {"content": text}', value);
  return content;
}

const wrong = (key: string, expected: string, got: unknown) =>
  new AttuneError({
    code: "tokenizers.wrong-special-token",
    place: `tokenizer_config.json: ${key}`,
    expected,
    got: excerpt(got),
  });
