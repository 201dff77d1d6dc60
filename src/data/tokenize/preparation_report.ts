import { AttuneError, clip, type Fault } from "../../text/errors.ts";
import { describeOrigin, type Origin, type UnusableRow } from "../example.ts";
import { countLabels, type TokenSequence } from "./token_sequence.ts";
import type { TokenizedExample } from "./tokenize_example.ts";

/** What became of each row. Its size is bounded, however many rows there are. */
export interface PreparationReport {
  /** Rows, of which each is kept, dropped or unusable. */
  read: number;
  kept: number;
  /** Examples longer than `maxLength`, whose answer lost its end; some of them are kept, some dropped. */
  truncated: number;
  /** Of the dropped: those whose labels all lie beyond `maxLength`. */
  withoutLabel: number;
  /** Examples that hold nothing to learn, by reason, in order of appearance. */
  dropped: LeftOut[];
  /** Rows that can't be read as an example, by reason, in order of appearance. */
  unusable: LeftOut[];
  /** Rows that are kept though a part of their answers isn't trained, by what it is, in order of appearance. */
  lost: LeftOut[];
  /** Tokens of all sequences. */
  tokens: number;
  /** Labels of all sequences. */
  supervisedTokens: number;
}

export interface LeftOut {
  reason: string;
  /** All rows of this reason. */
  count: number;
  /** The first of them, at most {@link MAX_ORIGINS}. */
  origins: Origin[];
}

export const MAX_ORIGINS = 100;
const MAX_REASONS = 100;
const OTHER_REASONS = "other reasons";

export const emptyReport = (): PreparationReport => ({
  read: 0,
  kept: 0,
  truncated: 0,
  withoutLabel: 0,
  dropped: [],
  unusable: [],
  lost: [],
  tokens: 0,
  supervisedTokens: 0,
});

export function reportExample(report: PreparationReport, tokenized: TokenizedExample, origin: Origin): void {
  const { sequences, truncated, dropped, lost = [] } = tokenized;
  report.read++;
  if (truncated) report.truncated++;
  if (dropped === undefined) {
    report.kept++;
    for (const reason of lost) leaveOut(report.lost, { reason, count: 1, origins: [origin] });
  } else {
    if (truncated) report.withoutLabel++;
    leaveOut(report.dropped, { reason: dropped, count: 1, origins: [origin] });
  }
  reportSequences(report, sequences);
}

export function reportSequences(report: PreparationReport, sequences: readonly TokenSequence[]): void {
  for (const sequence of sequences) {
    report.tokens += sequence.tokens.length;
    report.supervisedTokens += countLabels(sequence);
  }
}

export function reportUnusable(report: PreparationReport, { reason, origin }: UnusableRow): void {
  report.read++;
  leaveOut(report.unusable, { reason, count: 1, origins: [origin] });
}

/** Adds the report of the rows that come next. */
export function addReport(report: PreparationReport, next: PreparationReport): void {
  for (const count of ["read", "kept", "truncated", "withoutLabel", "tokens", "supervisedTokens"] as const)
    report[count] += next[count];
  for (const list of ["dropped", "unusable", "lost"] as const)
    for (const rows of next[list]) leaveOut(report[list], rows);
}

function leaveOut(list: LeftOut[], { reason, count, origins }: LeftOut): void {
  const known = list.find((entry) => entry.reason === reason);
  if (known) {
    known.count += count;
    known.origins.push(...origins.slice(0, MAX_ORIGINS - known.origins.length));
  } else if (list.length < MAX_REASONS || reason === OTHER_REASONS)
    list.push({ reason, count, origins: origins.slice(0, MAX_ORIGINS) });
  else leaveOut(list, { reason: OTHER_REASONS, count, origins });
}

/** @throws AttuneError when no row was kept. */
export function checkAnyKept({ read, kept, dropped, unusable }: PreparationReport): void {
  if (kept > 0) return;
  const faults = [...unusable, ...dropped].map(({ reason, count, origins }) => {
    const problem = count === 1 ? reason : `${clip(reason)} (the first of ${count})`;
    return unusableRow(origins[0]!, problem);
  });
  throw new AttuneError({
    code: "data.nothing-to-train",
    place: "data",
    problem: read === 0 ? "there are no examples" : `none of ${read} examples can be trained on`,
    faults,
  });
}

/** Rows that are an error: "unusable" ones, that can't be read or rendered; or "all" that hold nothing to learn, too. */
export type Strictness = "unusable" | "all";

const unusableRow = (origin: Origin, problem: string): Fault => ({
  code: "data.unusable-row",
  place: describeOrigin(origin),
  problem,
});

/** @throws AttuneError that lists rows that were left out and may not be, if any were. */
export function checkNoneLeftOut({ dropped, unusable }: PreparationReport, strictness: Strictness): void {
  const refused = strictness === "all" ? [...unusable, ...dropped] : unusable;
  const faults = refused.flatMap(({ reason, origins }) =>
    origins.map((origin) => unusableRow(origin, reason)),
  );
  if (faults.length === 0) return;
  const count = refused.reduce((sum, rows) => sum + rows.count, 0);
  throw new AttuneError({
    code: "data.unusable-rows",
    place: "data",
    problem: count === 1 ? "a row can't be used" : `${count} rows can't be used`,
    faults,
    wayOut: "Fix or remove them; attune data check lists all",
  });
}
