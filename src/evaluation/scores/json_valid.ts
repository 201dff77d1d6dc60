import { jsonOf } from "./json_text.ts";
import { meanScore } from "./score.ts";

/** The answer is JSON, alone or in a code fence. */
export const jsonValid = meanScore("jsonValid", (answer) => jsonOf(answer) !== undefined);
