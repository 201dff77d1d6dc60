import type { Text } from "../example.ts";
import { refuseRowKeys, templateKeys } from "./meaning_keys.ts";
import { isText, type RowFormat, requiredText } from "./row_fields.ts";

/** `text`: one document a row. */
export const text: RowFormat<Text> = {
  forms: [{ text: isText }],
  rank: -1, // other keys beside a text say more
  read(row, origin) {
    refuseRowKeys(row, { also: templateKeys });
    return { kind: "text", text: requiredText(row, "text"), origin };
  },
};
