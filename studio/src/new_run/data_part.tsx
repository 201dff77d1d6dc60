import { count } from "../../../web/format.ts";
import { Fault } from "../parts/fault.tsx";
import { useWords } from "../words_in_use.ts";
import { ColumnsChoice } from "./columns_choice.tsx";
import { type Plan, removeFile, takeExamples, takeFile } from "./plan.ts";
import { SeenRows } from "./seen_rows.tsx";
import { StoredFiles } from "./stored_files.tsx";

export function DataPart({ plan }: { plan: Plan }) {
  const { words, language } = useWords();
  const { file, busy, failure, suggestion } = plan;
  return (
    <section class="card" aria-labelledby="data-title">
      <h2 id="data-title">
        <span class="number">1</span> {words.data}
      </h2>
      {file ? (
        <div class="file-line">
          <strong>{file.filename}</strong>
          <span class="note">{suggestion && words.rowsFound(count(suggestion.survey.rows, language))}</span>
          <span class="buttons">
            <ChooseFile label={words.otherFile} />
            <button type="button" class="quiet" onClick={removeFile}>
              {words.remove}
            </button>
          </span>
        </div>
      ) : (
        <div class="drop-zone">
          <p class="big">{words.dropHere}</p>
          <p class="note">{words.dropHint}</p>
          <div class="buttons centred">
            <ChooseFile label={words.chooseFile} isMain />
            <button type="button" class="quiet" onClick={() => void takeExamples()}>
              {words.useExamples}
            </button>
          </div>
        </div>
      )}
      {!file && !busy && <StoredFiles />}
      <p class="status" role="status">
        {busy === "uploading" ? words.uploading : busy === "suggesting" ? words.readingRows : ""}
      </p>
      {!plan.suggestion && <Fault failure={failure} />}
      {file && !busy && !suggestion && failure && <ColumnsChoice plan={plan} />}
      {suggestion && <SeenRows plan={plan} />}
    </section>
  );
}

function ChooseFile({ label, isMain = false }: { label: string; isMain?: boolean }) {
  return (
    <label class={isMain ? "button main" : "button quiet"}>
      {label}
      <input
        type="file"
        class="hidden"
        accept=".json,.jsonl,.ndjson,.csv,.tsv,.parquet,.txt,.md,.gz,.zst"
        onChange={({ currentTarget }) => {
          const [file] = currentTarget.files ?? [];
          currentTarget.value = "";
          if (file) void takeFile(file);
        }}
      />
    </label>
  );
}
