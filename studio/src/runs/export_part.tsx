import { useState } from "preact/hooks";
import { gigabytes } from "../../../web/format.ts";
import { download, type Failure, failureOf, post } from "../api.ts";
import type { RunView, StudioTask } from "../api_types.ts";
import { CopyButton } from "../parts/copy_button.tsx";
import { Fault } from "../parts/fault.tsx";
import { server } from "../server.ts";
import { useWords } from "../words_in_use.ts";
import { TaskLine } from "./task_line.tsx";

interface ExportPartProps {
  run: RunView;
  tasks: readonly StudioTask[];
  again(): void;
}

/** Files for other tools, below the run's own directory. */
export function ExportPart({ run, tasks, again }: ExportPartProps) {
  const { words, language } = useWords();
  const { about } = server.use();
  const [name, setName] = useState("gguf");
  const [type, setType] = useState<string>();
  const [failure, setFailure] = useState<Failure>();
  if (run.job.status !== "succeeded" || !about) return null;
  const format = about.formats.find((one) => one.name === name) ?? about.formats[0]!;
  const chosen = type && format.types.includes(type) ? type : format.types[0];
  const start = async (event: Event) => {
    event.preventDefault();
    try {
      await post(`/attune/runs/${run.job.id}/export`, {
        format: format.name,
        ...(chosen && { type: chosen }),
      });
      setFailure(undefined);
    } catch (error) {
      setFailure(failureOf(error));
    }
    again();
  };
  const take = (name: string) =>
    download(`/attune/runs/${run.job.id}/exports/${encodeURIComponent(name)}`, name).catch((error) =>
      setFailure(failureOf(error)),
    );
  const exports = tasks.filter(({ kind }) => kind === "export");
  const open = exports.filter(({ status }) => status === "queued" || status === "running");
  const [last] = exports;
  return (
    <section class="card" aria-labelledby="export-title">
      <h2 id="export-title">{words.export}</h2>
      <p class="note">{words.exportHint}</p>
      <form class="export-line" onSubmit={(event) => void start(event)}>
        <label>
          {words.format}
          <select
            value={format.name}
            aria-describedby="format-hint"
            onChange={({ currentTarget }) => setName(currentTarget.value)}
          >
            {about.formats.map((one) => (
              <option key={one.name} value={one.name}>
                {one.name}
              </option>
            ))}
          </select>
        </label>
        {format.types.length > 0 && (
          <label>
            {words.numbers}
            <select value={chosen} onChange={({ currentTarget }) => setType(currentTarget.value)}>
              {format.types.map((one) => (
                <option key={one} value={one}>
                  {one}
                </option>
              ))}
            </select>
          </label>
        )}
        <button type="submit" class="main">
          {words.exportIt}
        </button>
      </form>
      <p class="note" id="format-hint">
        {words.formats[format.name] ?? format.summary}
      </p>
      <Fault failure={failure} />
      {open.map((task) => (
        <TaskLine key={task.id} task={task} name={nameOf(task)} again={again} />
      ))}
      {open.length === 0 && last?.status === "failed" && (
        <TaskLine task={last} name={nameOf(last)} again={again} />
      )}
      {run.exports.length > 0 && (
        <ul class="paths">
          {run.exports.map(({ name, path, bytes }) => (
            <li key={name}>
              <span>
                <strong>{name}</strong> <span class="note">{gigabytes(bytes, language)}</span>
              </span>
              <code>{path}</code>
              <CopyButton text={path} label={words.said(words.copyPath, name)} />
              <button
                type="button"
                class="small"
                aria-label={words.said(words.download, name)}
                onClick={() => void take(name)}
              >
                {words.download}
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

const nameOf = ({ details }: StudioTask) => [details.format, details.type].filter(Boolean).join(" ");
