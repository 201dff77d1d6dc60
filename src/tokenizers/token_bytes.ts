import { AttuneError } from "../text/errors.ts";
import { CHAR_TO_BYTE } from "./byte_alphabet.ts";

/** How tokens become text again: the `decoder` of tokenizer.json. */
export interface TokenBytes {
  /** UTF-8 of one token. A character may be spread over several tokens. */
  bytesOf(token: string): Uint8Array<ArrayBuffer>;
  /** One space at the very start of a text is the tokenizer's own and is left out (SentencePiece). */
  stripsPrefixSpace: boolean;
}

export function createTokenBytes(config: unknown): TokenBytes {
  const steps = flatten(config);
  const spellings = steps.flatMap((step) => spellingOf(step) ?? []);
  const lastByte = steps.map(byteOf).find((bytes) => bytes !== undefined);
  return {
    bytesOf(token) {
      const spelled = spellings.reduce((text, spell) => spell(text), token);
      return lastByte?.(spelled) ?? utf8.encode(spelled);
    },
    stripsPrefixSpace: steps.some(stripsPrefixSpace),
  };
}

type Step = { type: string } & Record<string, unknown>;

const utf8 = new TextEncoder();
const KNOWN = ["ByteLevel", "Sequence", "Replace", "ByteFallback", "Fuse", "Strip", "Metaspace"];

function flatten(config: unknown): Step[] {
  if (config === null || config === undefined)
    throw new AttuneError(
      'tokenizer.json: it has no decoder, so tokens can\'t become text; byte-level tokenizers have {"type": "ByteLevel"}',
    );
  const step = config as Step;
  if (!KNOWN.includes(step.type))
    throw new AttuneError(
      `tokenizer.json: the decoder ${JSON.stringify(step.type)} isn't supported; known are ${KNOWN.join(", ")}`,
    );
  return step.type === "Sequence" && Array.isArray(step.decoders) ? step.decoders.flatMap(flatten) : [step];
}

function spellingOf(step: Step): ((token: string) => string) | undefined {
  if (step.type === "Metaspace") {
    const mark = typeof step.replacement === "string" ? step.replacement : "▁";
    return (token) => token.replaceAll(mark, " ");
  }
  if (step.type !== "Replace") return undefined;
  const { String: from } = step.pattern as { String?: unknown };
  if (typeof from !== "string")
    throw new AttuneError(
      `tokenizer.json: a Replace decoder needs a pattern {"String": …}, got ${JSON.stringify(step.pattern)}`,
    );
  return (token) => token.replaceAll(from, String(step.content ?? ""));
}

function byteOf(step: Step): ((token: string) => Uint8Array<ArrayBuffer> | undefined) | undefined {
  if (step.type === "ByteLevel") return byteLevel;
  if (step.type === "ByteFallback") return byteFallback;
  return undefined;
}

/** A token with other characters, an added one, stands for itself. */
function byteLevel(token: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = Array.from(token, (char) => CHAR_TO_BYTE.get(char));
  return bytes.every((byte) => byte !== undefined) ? Uint8Array.from(bytes) : undefined;
}

function byteFallback(token: string): Uint8Array<ArrayBuffer> | undefined {
  const hex = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
  return hex === undefined ? undefined : Uint8Array.of(Number.parseInt(hex, 16));
}

function stripsPrefixSpace(step: Step): boolean {
  if (step.type === "Metaspace") return step.prepend_scheme !== "never";
  return step.type === "Strip" && step.content === " " && Number(step.start) > 0;
}
