import { integer, isNone, text } from "./arguments.ts";
import { COST, charge, chargeText } from "./budget.ts";
import { capitalize, countCharacters, cut, splitLines, WHITE } from "./characters.ts";
import { TemplateError } from "./error.ts";
import { escapeHtml, stripTags } from "./html.ts";
import { type JsonFormat, toJson } from "./json.ts";
import { formatMarkup, percentFormat } from "./percent_format.ts";
import { str } from "./repr.ts";
import { replace, stringMethod } from "./string_methods.ts";
import { strip } from "./strip.ts";
import { iterate, lengthOf, listOf, Markup, Tuple, textOf, truth, typeName, type Value } from "./value.ts";
import { wrapWords } from "./wrap_words.ts";

/** Of a text, marked as HTML or not; the result is marked as the text is. */
const onText =
  (run: (text: string) => string) =>
  (value: Value): Value =>
    value instanceof Markup ? new Markup(run(value.text)) : run(charged(str(value)));

function charged(written: string): string {
  charge(written.length);
  return written;
}

/** Of what takes its time with each character. */
function slowly(written: string): string {
  charge(written.length * COST.character);
  return written;
}

function json(value: Value, ensureAscii: Value, indent: Value, separators: Value, sortKeys: Value): string {
  const format: JsonFormat = {
    ensureAscii: truth(ensureAscii),
    separators: [isNone(indent) ? ", " : ",", ": "],
    sortKeys: truth(sortKeys),
  };
  if (typeof indent === "string") format.indent = indent;
  else if (!isNone(indent)) {
    chargeText(Math.max(0, integer("indent", indent)));
    format.indent = " ".repeat(Math.max(0, integer("indent", indent)));
  }
  if (!isNone(separators)) {
    const [between, after] = listOf(separators);
    format.separators = [text("separators", between), text("separators", after)];
  }
  return toJson(value, format);
}

function indent(value: Value, width: Value = 4, first: Value = false, blank: Value = false): Value {
  const by = textOf(width) ?? " ".repeat(sized(integer("indent", width)));
  const lines = splitLines(`${text("indent", value)}\n`);
  chargeText(lines.length * by.length);
  const [start = "", ...rest] = lines;
  const indented = rest.map((line) => (line || truth(blank) ? by + line : line));
  const written = (truth(first) ? by : "") + [start, ...indented].join("\n");
  return value instanceof Markup ? new Markup(written) : written;
}

function sized(count: number): number {
  chargeText(Math.max(0, count));
  return Math.max(0, count);
}

function truncate(
  value: Value,
  length: Value = 255,
  killWords: Value = false,
  end: Value = "...",
  leeway: Value = 5,
): Value {
  const mark = text("truncate", end);
  const [most, over] = [integer("truncate", length), isNone(leeway) ? 5 : integer("truncate", leeway)];
  const room = most - countCharacters(mark);
  if (room < 0 || over < 0) throw new TemplateError("truncate: the length has no room for the end");
  if (lengthOf(value) <= most + over) return value;
  const whole = text("truncate", value);
  const kept = cut(whole, 0, room);
  const space = truth(killWords) ? -1 : kept.lastIndexOf(" ");
  const start = space < 0 ? kept : kept.slice(0, space);
  return value instanceof Markup ? new Markup(start + escapeHtml(end)) : start + mark;
}

function wordWrap(
  value: Value,
  width: Value = 79,
  breakWords: Value = true,
  between: Value = "\n",
  breakHyphens: Value = true,
): string {
  const mark = isNone(between) ? "\n" : text("wordwrap", between);
  const settings = {
    width: integer("wordwrap", width),
    breakLongWords: truth(breakWords),
    breakOnHyphens: truth(breakHyphens),
  };
  const lines = splitLines(text("wordwrap", value)).map((line) => wrapWords(line, settings).join(mark));
  chargeText(lines.reduce((sum, line) => sum + line.length + mark.length, 0));
  return lines.join(mark);
}

const WORD_BEGINNING = new RegExp(`([-${WHITE}({\\[<]+)`);

function title(written: string): string {
  const parts = written.split(WORD_BEGINNING);
  return parts
    .map((part) => {
      const first = part === "" ? "" : String.fromCodePoint(part.codePointAt(0)!);
      return first.toUpperCase() + part.slice(first.length).toLowerCase();
    })
    .join("");
}

function format(value: Value, positional: Value[], named: Map<string, Value>): Value {
  if (positional.length > 0 && named.size > 0)
    throw new TemplateError("format takes values by place or by name, not both");
  const values = named.size > 0 ? new Map<Value, Value>(named) : Tuple.from(positional);
  return value instanceof Markup ? formatMarkup(value, values) : percentFormat(str(value), values);
}

const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** As in a path; as in a query, `/` is written out and a blank is a plus. */
function quoteUrl(value: Value, inQuery: boolean): string {
  const written = slowly(str(value));
  if (LONE_SURROGATE.test(written)) throw new TemplateError("urlencode: the text is no Unicode");
  const quoted = encodeURIComponent(written).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  chargeText(quoted.length);
  return inQuery ? quoted.replaceAll("%20", "+") : quoted.replaceAll("%2F", "/");
}

function urlEncode(value: Value): string {
  if (textOf(value) !== undefined || !isIterable(value)) return quoteUrl(value, false);
  const pairs = value instanceof Map ? [...value] : Array.from(iterate(value), (pair) => [...iterate(pair)]);
  return pairs
    .map(([name, item, ...others]) => {
      if (item === undefined || others.length > 0)
        throw new TemplateError("urlencode needs pairs of a name and a value");
      return `${quoteUrl(name, true)}=${quoteUrl(item, true)}`;
    })
    .join("&");
}

const isIterable = (value: Value): boolean =>
  value === undefined || (typeof value === "object" && value !== null && Symbol.iterator in value);

/** A dict as the attributes of a tag; what is none or undefined is left out. */
function xmlAttributes(value: Value, autospace: Value = true): string {
  if (!(value instanceof Map)) throw new TemplateError(`xmlattr needs a dict, got ${typeName(value)}`);
  const written = [...value].flatMap(([key, item]) => {
    if (isNone(item)) return [];
    if (/[\t-\r />=]/.test(text("xmlattr", key)))
      throw new TemplateError(`xmlattr: ${JSON.stringify(str(key).slice(0, 40))} can't be a name`);
    return [`${escapeHtml(key)}="${escapeHtml(item)}"`];
  });
  return (truth(autospace) && written.length > 0 ? " " : "") + written.join(" ");
}

function wordCount(value: Value): number {
  return slowly(str(value)).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0;
}

type Row = readonly [name: string, args: string, run: (value: Value, ...args: Value[]) => Value];

const upper = onText((written) => written.toUpperCase());
const lower = onText((written) => written.toLowerCase());

export const TEXT_FILTERS: readonly Row[] = [
  ["tojson", "ensure_ascii? indent? separators? sort_keys?", json],
  ["string", "", (value) => (value instanceof Markup ? value : str(value))],
  ["safe", "", (value) => new Markup(str(value))],
  ["escape", "", (value) => new Markup(escapeHtml(value))],
  ["e", "", (value) => new Markup(escapeHtml(value))],
  ["forceescape", "", (value) => new Markup(escapeHtml(str(value)))],
  ["striptags", "", (value) => stripTags(slowly(str(value)))],
  ["trim", "chars?", (value, chars) => onText((written) => strip(written, chars))(value)],
  ["upper", "", upper],
  ["lower", "", lower],
  ["capitalize", "", onText(capitalize)],
  ["title", "", (value) => title(slowly(str(value)))],
  [
    "replace",
    "old new count?",
    (value, old, to, count) => replace(charged(str(value)), str(old), str(to), count ?? undefined),
  ],
  ["indent", "width? first? blank?", indent],
  [
    "center",
    "width?",
    (value, width = 80) =>
      stringMethod(value instanceof Markup ? value : str(value), "center")!([width], new Map()),
  ],
  ["truncate", "length? killwords? end? leeway?", truncate],
  ["wordwrap", "width? break_long_words? wrapstring? break_on_hyphens?", wordWrap],
  ["wordcount", "", wordCount],
  ["urlencode", "", urlEncode],
  ["xmlattr", "autospace?", xmlAttributes],
];

export const formatFilter = format;
