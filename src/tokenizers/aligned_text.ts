import { AttuneError } from "../text/errors.ts";
import { isPair } from "./patterns/surrogates.ts";

/**
 * A stretch of a text, maybe rewritten, whose UTF-16 units know which span of the original they came from. A long text
 * costs no list of spans as long as units are only replaced one by one.
 */
export interface AlignedText {
  readonly text: string;
  /** Where in the original the first unit behind the `lead` came from; the others follow one by one. */
  readonly base: number;
  /** Units put in front of the stretch: they have the span of its first character, which ends at `leadEnd`. */
  readonly lead: number;
  readonly leadEnd: number;
  /** Where units don't follow one by one: the span of each. */
  readonly spans?: Spans;
}

/** [units]. Both units of a surrogate pair have the whole character's span. */
export type Spans = { starts: number[]; ends: number[] } | { starts: Int32Array; ends: Int32Array };

export function alignText(text: string): AlignedText {
  return { text, base: 0, lead: 0, leadEnd: 0 };
}

export function sliceAligned(source: AlignedText, from: number, to: number): AlignedText {
  const { text, base, lead, leadEnd, spans } = source;
  return {
    text: text.slice(from, to),
    base: base + Math.max(0, from - lead),
    lead: Math.max(0, Math.min(to, lead) - from),
    leadEnd,
    spans: spans && sliceSpans(spans, from, to),
  };
}

function sliceSpans({ starts, ends }: Spans, from: number, to: number): Spans {
  if (starts instanceof Int32Array)
    return { starts: starts.subarray(from, to), ends: (ends as Int32Array).subarray(from, to) };
  return { starts: starts.slice(from, to), ends: (ends as number[]).slice(from, to) };
}

/** `content` in front of a stretch; of an empty one nothing becomes. */
export function prefixAligned(source: AlignedText, content: string): AlignedText {
  const { text, lead, spans } = source;
  if (text === "") return source;
  if (spans) return rewriteAligned(source, (replace) => replace(0, 0, content));
  const leadEnd = lead > 0 ? source.leadEnd : originOf(source, 0, isPair(text, 0) ? 2 : 1)[1];
  return { ...source, text: content + text, lead: lead + content.length, leadEnd };
}

/** The original's span of units [from, to); what comes from nothing has that of the character it stands before. */
export function originOf(source: AlignedText, from: number, to: number): [number, number] {
  const { text, base, lead, leadEnd, spans } = source;
  const last = Math.max(from, to - 1);
  if (spans) {
    const end = spans.ends[spans.ends.length - 1] ?? base;
    return from < text.length ? [spans.starts[from]!, spans.ends[last]!] : [end, end];
  }
  const start = base + Math.max(0, Math.min(from, text.length) - lead);
  if (from >= text.length) return [start, start];
  if (last < lead) return [start, leadEnd];
  return [start, base + last - lead + (isPair(text, last) ? 2 : 1)];
}

/** Units [from, to) become `content`, all of which came from there. */
export type Replace = (from: number, to: number, content: string) => void;

/**
 * Rewrites a stretch: `each` calls its argument for each part that changes, in order.
 * @throws AttuneError when it would grow without measure.
 */
export function rewriteAligned(source: AlignedText, each: (replace: Replace) => void): AlignedText {
  const spans = createSpanBuilder(source);
  let text = "";
  let done = 0;
  const keep = (to: number) => {
    spans.keep(done, to);
    text += source.text.slice(done, to);
    done = to;
  };
  each((from, to, content) => {
    keep(from);
    spans.add(from, to, content.length);
    text += content;
    done = to;
  });
  keep(source.text.length);
  return { ...source, text, ...spans.finish() };
}

const MOST_GROWTH = 32; // NFKC makes at most 18 of one
const SMALL = 4096;

/** Makes no lists until the first part is replaced by one of another length. */
function createSpanBuilder(source: AlignedText) {
  const [start, end] = originOf(source, 0, source.text.length);
  const most = SMALL + MOST_GROWTH * (end - start);
  let [starts, ends] = [new Int32Array(0), new Int32Array(0)];
  let size = 0;
  let isPlain = source.spans === undefined;

  const reserve = (count: number) => {
    if (size + count > most)
      throw new AttuneError({
        code: "tokenizers.growing-normalizer",
        place: "tokenizer.json: normalizer",
        problem: `it makes a text more than ${MOST_GROWTH} times as long`,
        wayOut: "Take the tokenizer as its author published it",
      });
    if (size + count <= starts.length) return;
    const capacity = Math.min(most, 2 * (size + count));
    [starts, ends] = [starts, ends].map((old) => {
      const longer = new Int32Array(capacity);
      longer.set(old);
      return longer;
    }) as [Int32Array<ArrayBuffer>, Int32Array<ArrayBuffer>];
  };
  const write = (from: number, to: number) => {
    reserve(to - from);
    for (let i = from; i < to; i++) {
      const isLow = i > 0 && isPair(source.text, i - 1);
      [starts[size], ends[size]] = originOf(source, isLow ? i - 1 : i, i + 1);
      size++;
    }
  };
  return {
    keep(from: number, to: number) {
      if (!isPlain) write(from, to);
    },
    add(from: number, to: number, length: number) {
      if (isPlain && length === 1 && to - from === 1) return;
      if (isPlain) {
        isPlain = false;
        write(0, from); // what was kept or replaced one by one so far
      }
      reserve(length);
      const [start, end] = originOf(source, from, to);
      starts.fill(start, size, size + length);
      ends.fill(end, size, size + length);
      size += length;
    },
    finish: (): { spans?: Spans } =>
      isPlain ? {} : { spans: { starts: starts.subarray(0, size), ends: ends.subarray(0, size) } },
  };
}
