import { useEffect } from "preact/hooks";
import { DropTarget } from "../../web/drop_target.tsx";
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
      <DropTarget words={words} take={takeDropped} />
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

const takeDropped = async (transfer: DataTransfer) => takeFiles(await droppedFiles(transfer));

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
  const unkept = { here: undefined, ...words.unkept }[keeping ?? "here"];
  if (unkept)
    return (
      <p class="banner" role="status">
        {unkept}
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
