import { describeOrigin } from "../data/example.ts";
import { type Segment, segmentsOf } from "../data/inspect/segments.ts";
import { countLabels, type TokenSequence } from "../data/tokenize/token_sequence.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { formatCount, plural } from "./format.ts";

/** A page that shows sequences as the model sees them. It loads and runs nothing. */
export function previewPage(
  title: string,
  sequences: readonly TokenSequence[],
  tokenizer: Tokenizer,
): string {
  const rows = sequences.map((sequence) => row(sequence, tokenizer));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
<p>${formatCount(sequences.length)} rows. <span class="trained">trained</span> <span class="weighted">trained, with another weight than 1</span> <span class="context">context</span> <span class="context special">special token</span></p>
${rows.join("\n")}
</body>
</html>
`;
}

function row(sequence: TokenSequence, tokenizer: Tokenizer): string {
  const { origin, tokens } = sequence;
  const size = `${plural(tokens.length, "token")}, ${formatCount(countLabels(sequence))} trained`;
  const body = segmentsOf(sequence, tokenizer).map(span).join("");
  return `<section><h2>${escapeHtml(describeOrigin(origin))}</h2><p>${size}</p><pre>${body}</pre></section>`;
}

function span({ text, weight, special, tokens }: Segment): string {
  const kind = weight === 0 ? "context" : weight === 1 ? "trained" : "weighted";
  const title = `${plural(tokens, "token")}, weight ${weight}`;
  return `<span class="${kind}${special ? " special" : ""}" title="${title}">${escapeHtml(text)}</span>`;
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escapeHtml = (text: string) => text.replace(/[&<>"]/g, (c) => ENTITIES[c]!);

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { font-size: 1rem; margin: 2rem 0 0; }
section p { margin: 0; opacity: .7; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: 1rem; border: 1px solid #8884; border-radius: .5rem; }
.context { opacity: .65; }
.trained { background: #2da44e40; }
.weighted { background: #d4a72c55; }
.special { outline: 1px solid #8886; border-radius: .2rem; }
`;
