import { AttuneError } from "../text/errors.ts";
import { excerpt } from "../text/excerpt.ts";

/**
 * Ids of the tokens that the `post_processor` of tokenizer.json writes before a text: a BOS, or several tokens. What it
 * writes after a text is left out: a prompt must not end, and a training text ends with the eos token in any case.
 * @throws AttuneError when it is of a kind that is not known, or names no ids.
 */
export function textPrefix(config: unknown, depth = 0): number[] {
  if (depth > MAX_DEPTH) throw wrong("processors", `at most ${MAX_DEPTH} Sequences in each other`, "more");
  if (config === null || config === undefined) return [];
  const { type, ...settings } = config as { type?: unknown } & Record<string, unknown>;
  switch (type) {
    case "ByteLevel": // moves offsets only
      return [];
    case "TemplateProcessing":
      return templatePrefix(settings);
    case "BertProcessing":
    case "RobertaProcessing":
      return idsOf([(settings.cls as unknown[] | undefined)?.[1]], "cls");
    case "Sequence":
      return listOf(settings.processors) // each writes before what the ones before it wrote
        .toReversed()
        .flatMap((processor) => textPrefix(processor, depth + 1));
  }
  throw wrong(
    "type",
    "one of TemplateProcessing, Sequence, ByteLevel, BertProcessing, RobertaProcessing",
    type,
  );
}

const MAX_DEPTH = 8;

/** A part of a template: the text, called A, or a special token. */
interface Piece {
  Sequence?: { id?: unknown };
  SpecialToken?: { id?: unknown };
}

function templatePrefix({ single, special_tokens }: Record<string, unknown>): number[] {
  const pieces = listOf(single) as Piece[];
  const text = pieces.findIndex((piece) => piece?.Sequence?.id === "A");
  const sequences = pieces.filter((piece) => piece?.Sequence !== undefined);
  if (text < 0 || sequences.length > 1) throw wrong("single", "the text, $A, once", single);
  const tokens = (special_tokens ?? {}) as Record<string, { ids?: unknown } | undefined>;
  return pieces.slice(0, text).flatMap((piece) => {
    const name = String(piece?.SpecialToken?.id);
    const token = Object.hasOwn(tokens, name) ? tokens[name] : undefined;
    return idsOf(token?.ids, `special_tokens.${name}`);
  });
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

function idsOf(value: unknown, key: string): number[] {
  const isId = (id: unknown) => Number.isInteger(id) && (id as number) >= 0 && (id as number) < 2 ** 31;
  if (!Array.isArray(value) || !value.every(isId)) throw wrong(key, "token ids", value);
  return value;
}

const wrong = (key: string, expected: string, got: unknown) =>
  new AttuneError({
    code: "tokenizers.wrong-post-processor",
    place: `tokenizer.json: post_processor.${key}`,
    expected,
    got: excerpt(got),
    wayOut: "Take the file of the model's own repository",
  });
