import { useState } from "preact/hooks";
import { compact, gigabytes, percent } from "../../../web/format.ts";
import { changeModel, demoSource } from "../actions.ts";
import type { PartProps } from "../app.tsx";
import { isTuning, type State } from "../store.ts";
import type { Words } from "../words.ts";
import { Fault } from "./fault.tsx";

export function ModelPart({ state, words }: PartProps) {
  const { model, run } = state;
  const isBusy = model.opening || isTuning(run);
  return (
    <section class="card" aria-labelledby="model-title">
      <h2 id="model-title">
        <span class="number">1</span> {words.model}
      </h2>
      <About state={state} words={words} />
      <Fault failure={model.failure} words={words} />
      <details open={model.failure !== undefined}>
        <summary>{words.chooseModel}</summary>
        <div class="choices">
          {!model.isDemo && (
            <button type="button" disabled={isBusy} onClick={() => void changeModel(demoSource())}>
              {words.backToDemo}
            </button>
          )}
          <FilesChoice isBusy={isBusy} words={words} />
          <HubChoice isBusy={isBusy} words={words} />
        </div>
      </details>
    </section>
  );
}

function About({ state: { model, language }, words }: PartProps) {
  const { info, opening, download, isDemo } = model;
  if (opening) return <p role="status">{download ? downloadText(download, words) : words.opening}</p>;
  if (!info) return null;
  return (
    <>
      <p>
        <strong>{isDemo ? words.demoModel : info.name}</strong>
        {isDemo && `${language === "zh" ? "" : " "}${words.demoAbout}`}
      </p>
      <p class="note">
        {words.modelAbout(info.type, compact(info.parameters, language), gigabytes(info.bytes, language))}
      </p>
    </>
  );
}

const downloadText = ({ file, loaded, total }: NonNullable<State["model"]["download"]>, words: Words) =>
  words.downloading(file, total ? percent(loaded / total) : "");

function FilesChoice({ isBusy, words }: { isBusy: boolean; words: Words }) {
  const choose = (event: Event) => {
    const input = event.currentTarget as HTMLInputElement;
    const files = [...(input.files ?? [])];
    input.value = "";
    const [first] = files;
    const name = first?.webkitRelativePath.split("/")[0] || "model";
    if (first)
      void changeModel({ kind: "files", name, files: Object.fromEntries(files.map((f) => [f.name, f])) });
  };
  return (
    <div>
      <label class={isBusy ? "button disabled" : "button"}>
        {words.chooseFiles}
        <input
          type="file"
          multiple
          class="hidden"
          disabled={isBusy}
          onChange={choose}
          aria-describedby="files-hint"
        />
      </label>
      <p class="note" id="files-hint">
        {words.chooseFilesHint}
      </p>
    </div>
  );
}

function HubChoice({ isBusy, words }: { isBusy: boolean; words: Words }) {
  const [name, setName] = useState("");
  const fetch = (event: Event) => {
    event.preventDefault();
    if (name.trim()) void changeModel({ kind: "hub", name: name.trim() });
  };
  return (
    <form onSubmit={fetch}>
      <label for="hub-name">{words.hubName}</label>
      <div class="line hub-line">
        <input
          id="hub-name"
          type="text"
          placeholder="Qwen/Qwen2.5-0.5B-Instruct"
          spellcheck={false}
          autocapitalize="off"
          value={name}
          aria-describedby="hub-hint"
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <button type="submit" disabled={isBusy || name.trim() === ""}>
          {words.hubFetch}
        </button>
      </div>
      <p class="note" id="hub-hint">
        {words.hubHint}
      </p>
    </form>
  );
}
