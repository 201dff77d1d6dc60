import { useEffect, useRef, useState } from "preact/hooks";
import { count } from "../../../web/format.ts";
import {
  addRow,
  changeSettings,
  editRow,
  removeAllRows,
  removeRow,
  removeRows,
  takeFiles,
  undoRemoval,
  useExamples,
} from "../actions.ts";
import type { PartProps } from "../app.tsx";
import { canChooseColumns, fieldsOf, textOfRow, usedRows } from "../rows.ts";
import { isTuning, type Row } from "../store.ts";
import { Fault } from "./fault.tsx";
import { Seen } from "./seen.tsx";

export function RowsPart({ state, words }: PartProps) {
  const { rows, removed, run, fileFailures } = state;
  const isBusy = isTuning(run);
  const choose = (event: Event) => {
    const input = event.currentTarget as HTMLInputElement;
    void takeFiles([...(input.files ?? [])]);
    input.value = "";
  };
  return (
    <section class="card" aria-labelledby="rows-title">
      <h2 id="rows-title">
        <span class="number">2</span> {words.rows}
      </h2>
      <p class="note">{words.rowsHint}</p>
      <fieldset disabled={isBusy} class="plain">
        <div class="buttons">
          <label class={isBusy ? "button disabled" : "button"}>
            {words.addFile}
            <input
              id="rows-file"
              type="file"
              multiple
              class="hidden"
              accept=".json,.jsonl,.ndjson,.csv,.tsv,.parquet,.txt,.text,.md,.gz,.zst"
              onChange={choose}
            />
          </label>
          <button type="button" class={rows.length === 0 ? "main" : ""} onClick={useExamples}>
            {words.examples}
          </button>
          <button type="button" id="add-row" onClick={addRow}>
            {words.addRow}
          </button>
          {rows.length > 0 && (
            <button type="button" class="quiet" onClick={removeAllRows}>
              {words.removeAll}
            </button>
          )}
        </div>
        {removed && (
          <p class="note" role="status">
            {rows.length === 0 && `${words.removed} `}
            <button type="button" class="link" onClick={undoRemoval}>
              {words.undo}
            </button>
          </p>
        )}
        {fileFailures.map((failure) => (
          <Fault key={failure.message} failure={failure} words={words} />
        ))}
        <Broken state={state} words={words} />
        <Table state={state} words={words} />
      </fieldset>
      <Columns state={state} words={words} />
      <Unusable state={state} words={words} />
      <Seen state={state} words={words} />
    </section>
  );
}

const LISTED = 5; // problems

function Broken({ state: { broken }, words }: PartProps) {
  return broken.map(({ file, rows }) => (
    <div key={file} class="alert" role="alert">
      <p>{words.broken(rows.length, file)}</p>
      <ul>
        {rows.slice(0, LISTED).map(({ row, problem }) => (
          <li key={row}>{words.rowFault(row, problem)}</li>
        ))}
        {rows.length > LISTED && <li>…</li>}
      </ul>
    </div>
  ));
}

const PAGE = globalThis.matchMedia?.("(max-width: 640px)").matches ? 3 : 8; // rows

function Table({ state, words }: PartProps) {
  const { rows, language } = state;
  const list = useRef<HTMLOListElement>(null);
  const [from, setFrom] = useState(0);
  const [known, setKnown] = useState(rows.length);
  const isOneMore = rows.length === known + 1;
  if (rows.length !== known) {
    // A row that was added is shown; of many, the first ones.
    setKnown(rows.length);
    setFrom(isOneMore ? lastPage(rows) : Math.min(from, lastPage(rows)));
  }
  useEffect(() => {
    if (document.activeElement?.id === "add-row")
      list.current?.querySelector<HTMLElement>("li:last-child textarea")?.focus();
  }, [rows.length]);
  if (rows.length === 0) return <p class="empty">{words.noRows}</p>;
  const fields = fieldsOf(rows);
  const shown = rows.slice(from, from + PAGE);
  return (
    <>
      <ol class="rows" ref={list} start={from + 1}>
        {shown.map((row, i) => (
          <TableRow
            key={from + i}
            row={row}
            place={from + i}
            fields={fields}
            words={words}
            isHeaded={i === 0}
          />
        ))}
      </ol>
      {rows.length > PAGE && (
        <nav class="pages" aria-label={words.rows}>
          <button
            type="button"
            disabled={from === 0}
            aria-label={words.earlier}
            onClick={() => setFrom(from - PAGE)}
          >
            ‹
          </button>
          <span role="status">
            {words
              .pages(from + 1, Math.min(rows.length, from + PAGE), rows.length)
              .replace(/\d{4,}/g, (n) => count(Number(n), language))}
          </span>
          <button
            type="button"
            disabled={from + PAGE >= rows.length}
            aria-label={words.later}
            onClick={() => setFrom(from + PAGE)}
          >
            ›
          </button>
        </nav>
      )}
    </>
  );
}

const lastPage = (rows: readonly Row[]) => Math.max(0, Math.floor((rows.length - 1) / PAGE) * PAGE);

interface TableRowProps {
  row: Row;
  place: number;
  fields?: string[];
  words: PartProps["words"];
  /** It carries the columns' names, where there is room for columns. */
  isHeaded: boolean;
}

function TableRow({ row, place, fields, words, isHeaded }: TableRowProps) {
  const name = words.row(place + 1);
  return (
    <li class={isHeaded ? "row headed" : "row"} style={{ "--fields": fields?.length ?? 1 }}>
      <span class="place" aria-hidden="true">
        {place + 1}
      </span>
      {fields ? (
        fields.map((field) => (
          <label key={field} class="cell">
            <span class="cell-name">{words.fields[field] ?? field}</span>
            <textarea
              rows={Math.min(4, 1 + Math.floor(String(row[field] ?? "").length / 30))}
              aria-label={`${name}, ${words.fields[field] ?? field}`}
              value={String(row[field] ?? "")}
              onInput={(event) => editRow(place, field, event.currentTarget.value)}
            />
          </label>
        ))
      ) : (
        <pre class="cell">{textOfRow(row)}</pre>
      )}
      <button
        type="button"
        class="remove"
        aria-label={words.removeRow(place + 1)}
        onClick={() => removeRow(place)}
      >
        ×
      </button>
    </li>
  );
}

/** Columns whose names no format knows: which of them ask, and which answer. */
function Columns({ state: { check, rows, settings, run }, words }: PartProps) {
  const fields = fieldsOf(rows) ?? [];
  const isUnknown = check.failure?.code === "data.unknown-format" || settings.question || settings.answer;
  if (!isUnknown || !canChooseColumns(rows)) return null;
  const select = (key: "question" | "answer", name: string) => (
    <label>
      {name}
      <select
        value={settings[key] ?? ""}
        disabled={isTuning(run)}
        onChange={(event) => changeSettings({ [key]: event.currentTarget.value || undefined })}
      >
        <option value="">{words.choose}</option>
        {fields.map((field) => (
          <option key={field} value={field}>
            {field}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <fieldset class="columns-choice">
      <legend>{words.whichColumns}</legend>
      {select("question", words.questionColumn)}
      {select("answer", words.answerColumn)}
    </fieldset>
  );
}

function Unusable({ state: { check, rows, run }, words }: PartProps) {
  const unusable = check.result?.report.unusable ?? [];
  if (unusable.length === 0) return null;
  const { places } = usedRows(rows);
  const all = unusable.reduce((sum, { count }) => sum + count, 0);
  const known = unusable.flatMap(({ origins }) => origins.map(({ row }) => places[row - 1]!));
  return (
    <div class="alert" role="alert">
      <p>{words.unusable(all)}</p>
      <ul>
        {unusable.slice(0, LISTED).map(({ reason, origins }) => (
          <li key={reason}>
            {words.rowFault(places[origins[0]!.row - 1]! + 1, reason.replace(/^data\.0\.rows row \d+: /, ""))}
          </li>
        ))}
      </ul>
      <button type="button" disabled={isTuning(run)} onClick={() => removeRows(new Set(known))}>
        {words.leaveOut(known.length)}
      </button>
    </div>
  );
}
