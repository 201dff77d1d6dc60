import { useState } from "preact/hooks";
import { count } from "../../../web/format.ts";
import { type Failure, failureOf, remove } from "../api.ts";
import type { List, StoredFile } from "../api_types.ts";
import { Fault } from "../parts/fault.tsx";
import { when } from "../runs/run_words.ts";
import { usePolled } from "../use_polled.ts";
import { useWords } from "../words_in_use.ts";
import { takeStored } from "./plan.ts";

/** Files that were uploaded before: to be used again, or removed. */
export function StoredFiles() {
  const { words, language } = useWords();
  const { value, failure, again } = usePolled<List<StoredFile>>("/v1/files", () => 0);
  const [removing, setRemoving] = useState<string>();
  const [refused, setRefused] = useState<Failure>();
  const files = value?.data ?? [];
  const removeIt = async ({ id, filename }: StoredFile) => {
    if (!confirm(words.removeFileSure(filename))) return;
    setRemoving(id);
    setRefused(undefined);
    try {
      await remove(`/v1/files/${id}`);
    } catch (error) {
      setRefused(failureOf(error));
    }
    setRemoving(undefined);
    again();
  };
  if (files.length === 0) return <Fault failure={failure} />;
  return (
    <details class="stored-files">
      <summary>{words.storedFiles(files.length)}</summary>
      <Fault failure={refused ?? failure} />
      <ul>
        {files.map((file) => (
          <li key={file.id} class="file-line">
            <strong>{file.filename}</strong>
            <span class="note">
              {when(file.created_at, language)} · {words.bytes(count(file.bytes, language))}
            </span>
            <span class="buttons">
              <button type="button" class="quiet" onClick={() => void takeStored(file)}>
                {words.useFile}
                <span class="visually-hidden"> {file.filename}</span>
              </button>
              <button
                type="button"
                class="quiet"
                disabled={removing === file.id}
                onClick={() => void removeIt(file)}
              >
                {words.remove}
                <span class="visually-hidden"> {file.filename}</span>
              </button>
            </span>
          </li>
        ))}
      </ul>
    </details>
  );
}
