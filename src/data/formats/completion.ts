import type { Example } from "../example.ts";
import { type RowFormat, refuseKeys, requiredText } from "./row_fields.ts";

/** `prompt` and `completion`, as text; no template is applied. */
export const completion: RowFormat<Example> = {
  name: "completion",
  requiredKeys: ["prompt", "completion"],
  read(row, origin) {
    refuseKeys(row, ["label", "chosen", "rejected"], origin);
    return {
      kind: "completion",
      prompt: requiredText(row, "prompt", origin),
      completion: requiredText(row, "completion", origin),
      origin,
    };
  },
};
