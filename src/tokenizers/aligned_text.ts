/** Text that remembers where each of its UTF-16 units came from: the original's span [starts[i], ends[i]). */
export interface AlignedText {
  text: string;
  starts: number[];
  ends: number[];
}

/** Both units of a surrogate pair get the whole character's span. */
export function alignText(text: string): AlignedText {
  const aligned: AlignedText = { text, starts: [], ends: [] };
  for (let at = 0; at < text.length; ) {
    const to = at + (text.codePointAt(at)! > 0xffff ? 2 : 1);
    for (let i = at; i < to; i++) {
      aligned.starts.push(at);
      aligned.ends.push(to);
    }
    at = to;
  }
  return aligned;
}

export function sliceAligned({ text, starts, ends }: AlignedText, from: number, to: number): AlignedText {
  return { text: text.slice(from, to), starts: starts.slice(from, to), ends: ends.slice(from, to) };
}

/** One part of a text that is being rewritten: units [from, to) become `content`, all of which came from there. */
export interface Rewrite {
  from: number;
  to: number;
  content: string;
}

/** Applies rewrites, which are in order and don't overlap. What lies between them stays. */
export function rewriteAligned(source: AlignedText, rewrites: Iterable<Rewrite>): AlignedText {
  const out: AlignedText = { text: "", starts: [], ends: [] };
  let done = 0;
  for (const { from, to, content } of rewrites) {
    append(out, source, done, from);
    const [start, end] = originOf(source, from, to);
    out.text += content;
    for (let i = 0; i < content.length; i++) {
      out.starts.push(start);
      out.ends.push(end);
    }
    done = to;
  }
  append(out, source, done, source.text.length);
  return out;
}

/** Original span of units [from, to); what comes from nothing takes the span of the character it stands before. */
export function originOf({ starts, ends }: AlignedText, from: number, to: number): [number, number] {
  if (from >= starts.length) return [ends.at(-1) ?? 0, ends.at(-1) ?? 0];
  return [starts[from]!, ends[Math.max(from, to - 1)]!];
}

function append(out: AlignedText, source: AlignedText, from: number, to: number): void {
  out.text += source.text.slice(from, to);
  for (let i = from; i < to; i++) {
    out.starts.push(source.starts[i]!);
    out.ends.push(source.ends[i]!);
  }
}
