import { useEffect, useState } from "preact/hooks";
import { goOn, startAnew, takeFiles } from "./actions.ts";
import { droppedFiles } from "./dropped_files.ts";
import { AskPart } from "./parts/ask_part.tsx";
import { ModelPart } from "./parts/model_part.tsx";
import { RowsPart } from "./parts/rows_part.tsx";
import { SettingsPart } from "./parts/settings_part.tsx";
import { TakePart } from "./parts/take_part.tsx";
import { TunePart } from "./parts/tune_part.tsx";
import { type State, setLanguage, useAppState, wordsOf } from "./store.ts";
import type { Words } from "./words.ts";

/** What every part is drawn from. */
export interface PartProps {
  state: State;
  words: Words;
}

export function App() {
  const state = useAppState();
  const words = wordsOf(state.language);
  useEffect(() => {
    document.documentElement.lang = state.language;
    document.title = `attune: ${words.title}`;
  }, [state.language]);
  const part = { state, words };
  return (
    <>
      <DropTarget words={words} />
      <Header {...part} />
      <main>
        <Banner {...part} />
        <div class="columns">
          <div class="column">
            <ModelPart {...part} />
            <RowsPart {...part} />
            <SettingsPart {...part} />
          </div>
          <div class="column second">
            <TunePart {...part} />
            <AskPart {...part} />
            <TakePart {...part} />
          </div>
        </div>
      </main>
    </>
  );
}

const Header = ({ state, words }: PartProps) => (
  <header class="top">
    <div class="line">
      <span class="brand">attune</span>
      <button
        type="button"
        class="quiet"
        lang={state.language === "en" ? "zh" : "en"}
        onClick={() => setLanguage(state.language === "en" ? "zh" : "en")}
      >
        {words.otherLanguage}
      </button>
    </div>
    <h1>{words.title}</h1>
    <p class="lead">{words.lead}</p>
  </header>
);

/** What an earlier visit left, and whether this one is kept. */
function Banner({ state: { run, isBack, keeping, model }, words }: PartProps) {
  if (keeping === "elsewhere" || keeping === "nowhere")
    return (
      <p class="banner" role="status">
        {keeping === "elsewhere" ? words.keptElsewhere : words.keepsNothing}
      </p>
    );
  if (!isBack) return null;
  return (
    <div class="banner" role="status">
      <p>{words.welcomeBack(run.saved, run.totalSteps)}</p>
      <div class="buttons">
        <button
          type="button"
          class="main"
          disabled={!model.info || model.opening}
          onClick={() => void goOn()}
        >
          {words.goOn(run.saved)}
        </button>
        <button type="button" onClick={() => void startAnew()}>
          {words.startAnew}
        </button>
      </div>
    </div>
  );
}

/** Files may be dropped anywhere on the page. */
function DropTarget({ words }: { words: Words }) {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const over = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (!event.relatedTarget) setOver(false);
    };
    const drop = async (event: DragEvent) => {
      event.preventDefault();
      setOver(false);
      if (event.dataTransfer) await takeFiles(await droppedFiles(event.dataTransfer));
    };
    addEventListener("dragover", over);
    addEventListener("dragleave", leave);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("dragleave", leave);
      removeEventListener("drop", drop);
    };
  }, []);
  if (!isOver) return null;
  return (
    <div class="drop" aria-hidden="true">
      <div>
        <strong>{words.drop}</strong>
        <p>{words.dropHint}</p>
      </div>
    </div>
  );
}
