import { usedRows } from "./rows.ts";
import { type Advice, advise } from "./settings.ts";
import type { State } from "./store.ts";

/** What is advised for what is on the page. */
export const adviceFor = ({ rows, model, check }: State): Advice =>
  advise({ rows: usedRows(rows).rows, isDemo: model.isDemo, check: check.result });
