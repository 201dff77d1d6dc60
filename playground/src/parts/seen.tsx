import type { RowsCheck } from "attune/browser";
import { count } from "../../../web/format.ts";
import type { PartProps } from "../app.tsx";
import { asksForColumns } from "../rows.ts";
import type { Words } from "../words.ts";
import { Fault } from "./fault.tsx";

/** The first rows as the model reads them, what is trained highlighted, and what is odd. */
export function Seen({ state: { check, rows, language }, words }: PartProps) {
  const { result, failure, isRunning } = check;
  return (
    <div class="seen" aria-busy={isRunning}>
      {isRunning && !result && (
        <p class="note" role="status">
          {words.checking}
        </p>
      )}
      {!asksForColumns({ check, rows }) && <Fault failure={failure} words={words} />}
      {result && (
        <>
          <h3>{words.seen}</h3>
          <p class="note">
            {words.seenHint(
              count(result.report.supervisedTokens, language),
              count(result.report.tokens, language),
            )}{" "}
            <span class="legend">
              <mark>{words.trained}</mark> <span class="context">{words.context}</span>
            </span>
          </p>
          {result.preview.map((segments, i) => (
            <pre key={i} class="preview">
              {segments.map(({ text, weight, special }, i) =>
                weight === 0 ? (
                  <span key={i} class={special ? "context special" : "context"}>
                    {text}
                  </span>
                ) : (
                  <mark key={i} class={special ? "special" : undefined}>
                    {text}
                  </mark>
                ),
              )}
            </pre>
          ))}
          <Notes check={result} words={words} />
        </>
      )}
    </div>
  );
}

function Notes({ check: { report, train, leaks }, words: { notes } }: { check: RowsCheck; words: Words }) {
  const dropped = report.dropped.reduce((sum, { count }) => sum + count, 0);
  const found = [
    [report.truncated, notes.truncated],
    [dropped, notes.dropped],
    [train.duplicates.count, notes.duplicates],
    [train.endless.count, notes.endless],
    [leaks.count, notes.leaks],
  ] as const;
  const odd = found.filter(([n]) => n > 0);
  if (odd.length === 0) return null;
  return (
    <ul class="notes">
      {odd.map(([n, note]) => (
        <li key={note(0)}>{note(n)}</li>
      ))}
    </ul>
  );
}
