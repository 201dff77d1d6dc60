import { AttuneError } from "../text/errors.ts";
import { type AlignedText, type Rewrite, rewriteAligned } from "./aligned_text.ts";
import { compilePattern } from "./pattern.ts";

export type Normalizer = (text: AlignedText) => AlignedText;

/** The `normalizer` of tokenizer.json, keeping track of where each character came from. */
export function createNormalizer(config: unknown): Normalizer {
  if (config === null || config === undefined) return (text) => text;
  const { type, ...settings } = config as { type?: unknown } & Record<string, unknown>;
  switch (type) {
    case "Sequence":
      return sequence(settings.normalizers);
    case "Prepend":
      return prepend(String(settings.prepend ?? ""));
    case "Replace":
      return replace(compilePattern(settings.pattern), String(settings.content ?? ""));
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
      return unicodeForm(type);
    case "Lowercase":
      return lowercase;
  }
  throw new AttuneError(
    `tokenizer.json: the normalizer ${JSON.stringify(type)} isn't supported; known are Sequence, Prepend, Replace, NFC, NFD, NFKC, NFKD, Lowercase`,
  );
}

function sequence(configs: unknown): Normalizer {
  const steps = (Array.isArray(configs) ? configs : []).map(createNormalizer);
  return (text) => steps.reduce((normalized, step) => step(normalized), text);
}

function prepend(content: string): Normalizer {
  return (text) => (text.text === "" ? text : rewriteAligned(text, [{ from: 0, to: 0, content }]));
}

function replace(pattern: RegExp, content: string): Normalizer {
  return (text) =>
    rewriteAligned(
      text,
      Array.from(text.text.matchAll(pattern), ({ 0: match, index }) => ({
        from: index,
        to: index + match.length,
        content,
      })),
    );
}

/** What normalization may join: a character with the marks after it, or Hangul letters in a row. */
const CLUSTER = /[\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff]+|\P{M}?\p{M}*/gsu;

function unicodeForm(form: "NFC" | "NFD" | "NFKC" | "NFKD"): Normalizer {
  return (text) => {
    const normalized = text.text.normalize(form);
    if (normalized === text.text) return text;
    const byCluster = rewriteAligned(
      text,
      changed(text.text, CLUSTER, (cluster) => cluster.normalize(form)),
    );
    if (byCluster.text !== normalized)
      throw new AttuneError(
        `tokenizer: ${form} joins characters of the text in a way that can't be traced back`,
      );
    return byCluster;
  };
}

function lowercase(text: AlignedText): AlignedText {
  return rewriteAligned(
    text,
    changed(text.text, /./gsu, (char) => char.toLowerCase()),
  );
}

function* changed(text: string, unit: RegExp, convert: (part: string) => string): Generator<Rewrite> {
  for (const { 0: part, index } of text.matchAll(unit)) {
    const content = convert(part);
    if (content !== part) yield { from: index, to: index + part.length, content };
  }
}
