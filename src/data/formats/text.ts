import type { Example } from "../example.ts";
import { type RowFormat, requiredText } from "./row_fields.ts";

/** `text`: one document a row. */
export const text: RowFormat<Example> = {
  name: "text",
  requiredKeys: ["text"],
  read: (row, origin) => ({ kind: "text", text: requiredText(row, "text", origin), origin }),
};
