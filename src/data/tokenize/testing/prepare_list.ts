import type { Example, UnusableRow } from "../../example.ts";
import { checkAnyKept } from "../preparation_report.ts";
import type { TokenizeOptions } from "../tokenize_example.ts";
import { type PreparedExamples, tokenizeList } from "../tokenize_list.ts";

/** Tokenizes rows in this thread. @throws AttuneError when none is left. */
export function prepareList(
  rows: readonly (Example | UnusableRow)[],
  options: TokenizeOptions,
): PreparedExamples {
  const prepared = tokenizeList(rows, options);
  checkAnyKept(prepared.report);
  return prepared;
}
