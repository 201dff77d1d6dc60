import { useState } from "preact/hooks";
import { count } from "../../../web/format.ts";
import type { DataCheck } from "../api_types.ts";
import { Fault } from "../parts/fault.tsx";
import { ScrollBox } from "../parts/scroll_box.tsx";
import { Tiles } from "../parts/tiles.tsx";
import { useWords } from "../words_in_use.ts";
import { faultyLines, leaveOut, type Plan } from "./plan.ts";

/** The first rows as the model reads them, and what may be wrong with the data. */
export function SeenRows({ plan }: { plan: Plan }) {
  const { words, language } = useWords();
  const [hasEdges, setEdges] = useState(false);
  const { value, failure, isRunning } = plan.check;
  if (!value) return isRunning ? <p class="status">{words.readingRows}</p> : <Fault failure={failure} />;
  const number = (n: number) => count(n, language);
  return (
    <div class="seen" aria-busy={isRunning}>
      <Fault failure={failure} />
      <Tiles
        tiles={[
          { name: words.rowsUsed, value: number(value.kept), note: words.ofRead(number(value.read)) },
          { name: words.heldOut, value: value.held_out.sequences > 0 && number(value.held_out.sequences) },
          {
            name: words.tokens,
            value: number(value.tokens),
            note: words.trainedShare(number(value.supervisedTokens)),
          },
          {
            name: words.lengths,
            value: `${number(value.train.lengths.median)}`,
            note: words.longest(number(value.train.lengths.most)),
          },
        ]}
      />
      <Notes check={value} plan={plan} />
      <div class="seen-head">
        <h3>{words.seen}</h3>
        <span class="legend">
          <mark>{words.trained}</mark> <span class="context">{words.onlyRead}</span>
        </span>
        <label class="check">
          <input type="checkbox" checked={hasEdges} onChange={() => setEdges(!hasEdges)} /> {words.showTokens}
        </label>
      </div>
      {value.preview.map((row, i) => (
        <ShownRow key={i} row={row} hasEdges={hasEdges} />
      ))}
    </div>
  );
}

function ShownRow({ row, hasEdges }: { row: DataCheck["preview"][number]; hasEdges: boolean }) {
  const { words, language } = useWords();
  const branch = row.branch === null ? "" : ` · ${row.branch === "chosen" ? words.chosen : words.rejected}`;
  const title = `${words.row(row.row)}${branch}`;
  const cut = row.tokens > row.pieces.length;
  return (
    <figure class="seen-row">
      <figcaption>
        {title}{" "}
        <span class="note">{words.rowTokens(count(row.tokens, language), count(row.trained, language))}</span>
      </figcaption>
      <ScrollBox class={hasEdges ? "preview edges" : "preview"} label={title}>
        <pre>
          {stretches(row.pieces).map(({ isTrained, pieces }, i) =>
            isTrained ? (
              <mark key={i}>
                <Pieces pieces={pieces} />
              </mark>
            ) : (
              <span key={i} class="context">
                <Pieces pieces={pieces} />
              </span>
            ),
          )}
          {cut && "…"}
        </pre>
      </ScrollBox>
    </figure>
  );
}

type Piece = DataCheck["preview"][number]["pieces"][number];

const Pieces = ({ pieces }: { pieces: Piece[] }) => (
  <>
    {pieces.map(({ text, special }, i) => (
      <span key={i} class={special ? "token special" : "token"}>
        {text}
      </span>
    ))}
  </>
);

/** Tokens that follow each other and are trained alike. */
function stretches(pieces: readonly Piece[]): { isTrained: boolean; pieces: Piece[] }[] {
  const all: { isTrained: boolean; pieces: Piece[] }[] = [];
  for (const piece of pieces) {
    const isTrained = piece.weight !== 0;
    if (all.at(-1)?.isTrained === isTrained) all.at(-1)!.pieces.push(piece);
    else all.push({ isTrained, pieces: [piece] });
  }
  return all;
}

/** What can't be used, by row, and what may be a mistake. */
function Notes({ check, plan }: { check: DataCheck; plan: Plan }) {
  const { words } = useWords();
  const lines = faultyLines(plan);
  const faults = [
    ...check.unusable.map((one) => ({ ...one, text: words.said(words.unusable, one.reason) })),
    ...check.dropped.map((one) => ({ ...one, text: words.said(words.dropped, one.reason) })),
    ...check.lost.map((one) => ({ ...one, text: one.reason })),
  ];
  const { duplicates, endless, double_bos } = check.train;
  const odd = [
    { ...duplicates, text: words.duplicates },
    { ...endless, text: words.endless },
    { ...double_bos, text: words.doubleBos },
    { ...check.leaks, text: words.leaks },
    { count: check.truncated, rows: [], text: words.truncated },
  ].filter(({ count }) => count > 0);
  return (
    <>
      {check.refused.map(({ message }) => (
        <p key={message} class="alert" role="alert">
          {message}
        </p>
      ))}
      {faults.length > 0 && (
        <div class="alert" role="alert">
          <ul>
            {faults.map(({ text, count, rows }) => (
              <li key={text}>
                {text}. {words.inRows(count, rows)}
              </li>
            ))}
          </ul>
          {lines && (
            <button type="button" class="small" onClick={() => void leaveOut(plan.source!, lines)}>
              {words.leaveOut(lines.length)}
            </button>
          )}
        </div>
      )}
      {odd.length > 0 ? (
        <ul class="notes">
          {odd.map(({ text, count, rows }) => (
            <li key={text}>{words.said(text, words.inRows(count, rows))}</li>
          ))}
        </ul>
      ) : (
        faults.length === 0 && check.refused.length === 0 && <p class="note good">✓ {words.nothingWrong}</p>
      )}
    </>
  );
}
