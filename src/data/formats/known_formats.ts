import { describeValue } from "../../text/describe_value.ts";
import { AttuneError } from "../../text/errors.ts";
import { alpaca } from "./alpaca.ts";
import { completion } from "./completion.ts";
import { feedback } from "./feedback.ts";
import { messages } from "./messages.ts";
import { preference } from "./preference.ts";
import type { RowFormat } from "./row_fields.ts";
import { selfInstruct } from "./self_instruct.ts";
import { sharegpt } from "./sharegpt.ts";
import { text } from "./text.ts";
import { tokens } from "./tokens.ts";

/** All formats, by the name a recipe gives them. A new one is a file and a line here. */
const FORMATS = {
  alpaca,
  sharegpt,
  messages,
  completion,
  selfInstruct,
  text,
  preference,
  feedback,
  tokens,
} satisfies Record<string, RowFormat>;

export type Format = keyof typeof FORMATS;

/** The formats' names, for schemas and messages. */
export const formatNames = Object.keys(FORMATS) as [Format, ...Format[]];

export function formatByName(name: Format): RowFormat {
  if (Object.hasOwn(FORMATS, name)) return FORMATS[name];
  throw new AttuneError({
    code: "data.unknown-format-name",
    place: "format",
    expected: formatNames.join(", "),
    got: describeValue(name),
  });
}
