/** HTML that is made so that no text of a file can become markup: what is put into a template is escaped. */

const MARKUP = Symbol("markup");

/** Text that is HTML already. Only {@link html} and {@link trustedHtml} make it. */
export interface Html {
  readonly [MARKUP]: string;
}

export type HtmlValue = string | number | Html | undefined | false | readonly HtmlValue[];

/** A template: strings in it are escaped, lists are joined, undefined and false are nothing. */
export const html = (parts: TemplateStringsArray, ...values: HtmlValue[]): Html => ({
  [MARKUP]: parts.map((part, i) => (i === 0 ? part : markupOf(values[i - 1]) + part)).join(""),
});

/** For text of our own that is markup: styles, scripts, paths. */
export const trustedHtml = (markup: string): Html => ({ [MARKUP]: markup });

export function markupOf(value: HtmlValue): string {
  if (value === undefined || value === false) return "";
  if (typeof value === "string") return escapeHtml(value);
  if (typeof value === "number") return String(value);
  if (MARKUP in value) return value[MARKUP];
  return value.map(markupOf).join("");
}

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Control characters, but for tabs and line breaks, are shown as U+FFFD: HTML has no way to write them. */
const escapeHtml = (text: string) =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g, "\uFFFD")
    .replace(/\p{Surrogate}/gu, "\uFFFD")
    .replace(/[&<>"']/g, (mark) => ENTITIES[mark]!);
