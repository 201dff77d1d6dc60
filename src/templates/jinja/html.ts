import { COST, charge, chargeText } from "./budget.ts";
import { WHITE } from "./characters.ts";
import { TemplateError } from "./error.ts";
import { str } from "./repr.ts";
import { Markup, type Value } from "./value.ts";

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "'": "&#39;",
  '"': "&#34;",
};

/** As HTML: what is so already stays. */
export function escapeHtml(value: Value): string {
  if (value instanceof Markup) return value.text;
  const text = str(value);
  charge(text.length * COST.character);
  const escaped = text.replace(/[&<>'"]/g, (char) => ENTITIES[char]!);
  chargeText(escaped.length);
  return escaped;
}

const NAMES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };
const SPACES = new RegExp(`[${WHITE}]+`, "g");
const ENDS = new RegExp(`^[${WHITE}]|[${WHITE}]$`, "g");

/** Without comments and tags, white space as single blanks, entities as what they stand for. */
export function stripTags(text: string): string {
  const plain = withoutParts(withoutParts(text, "<!--", "-->"), "<", ">");
  return plain.replace(SPACES, " ").replace(ENDS, "").replace(ENTITY, unescapeEntity);
}

const ENTITY = /&(?:#(\d+);?|#[xX]([\da-fA-F]+);?|(\w+);|(amp|lt|gt|quot|nbsp)|([A-Za-z]{2,}\d*))/g;

function unescapeEntity(
  whole: string,
  decimal?: string,
  hex?: string,
  name?: string,
  open?: string,
  other?: string,
): string {
  const known = NAMES[name ?? open ?? ""];
  if (known !== undefined) return known;
  const code = decimal !== undefined ? Number(decimal) : Number.parseInt(hex ?? "", 16);
  if ((code > 0x1f && code < 0x7f) || (code > 0x9f && code < 0xd800)) return String.fromCodePoint(code);
  if (other !== undefined && !LEGACY.some((legacy) => other.startsWith(legacy))) return whole;
  throw new TemplateError(
    `striptags knows no ${whole}; only &amp; &lt; &gt; &quot; &apos; &nbsp; and numbers`,
  );
}

/** HTML's entities that need no semicolon: in "R&D" there is none. */
const LEGACY =
  "AElig AMP Aacute Acirc Agrave Aring Atilde Auml COPY Ccedil ETH Eacute Ecirc Egrave Euml GT Iacute Icirc Igrave Iuml LT Ntilde Oacute Ocirc Ograve Oslash Otilde Ouml QUOT REG THORN Uacute Ucirc Ugrave Uuml Yacute aacute acirc acute aelig agrave aring atilde auml brvbar ccedil cedil cent copy curren deg divide eacute ecirc egrave eth euml frac12 frac14 frac34 iacute icirc iexcl igrave iquest iuml laquo macr micro middot not ntilde oacute ocirc ograve ordf ordm oslash otilde ouml para plusmn pound raquo reg sect shy sup1 sup2 sup3 szlig thorn times uacute ucirc ugrave uml uuml yacute yen yuml".split(
    " ",
  );

function withoutParts(text: string, open: string, close: string): string {
  const kept: string[] = [];
  let at = 0;
  for (;;) {
    const start = text.indexOf(open, at);
    const end = start < 0 ? -1 : text.indexOf(close, start);
    if (end < 0) return kept.join("") + text.slice(at);
    kept.push(text.slice(at, start));
    at = end + close.length;
  }
}
