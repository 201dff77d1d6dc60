import { useState } from "preact/hooks";
import type { RunView } from "../api_types.ts";
import { useWords } from "../words_in_use.ts";

/** What held-out rows were answered as the run went on. */
export function AnswersPart({ answers }: { answers: RunView["answers"] }) {
  const { words } = useWords();
  const [chosen, setChosen] = useState<number>();
  const shown = answers.find(({ step }) => step === chosen) ?? answers.at(-1);
  if (!shown) return null;
  return (
    <section class="card" aria-labelledby="answers-title">
      <div class="title-line">
        <h2 id="answers-title">{words.answers}</h2>
        <label class="inline">
          {words.atStep}{" "}
          <select value={shown.step} onChange={({ currentTarget }) => setChosen(Number(currentTarget.value))}>
            {answers.map(({ step }) => (
              <option key={step} value={step}>
                {step}
              </option>
            ))}
          </select>
        </label>
      </div>
      <p class="note">{words.answersHint}</p>
      <ul class="samples">
        {shown.samples.slice(0, MOST).map(({ question, references, tuned }, i) => (
          <li key={i}>
            <p class="question">{question}</p>
            <div class="answers">
              <Answer name={words.expected} text={references[0] ?? ""} />
              <Answer
                name={words.modelSays}
                text={tuned ?? ""}
                isRight={references.includes(tuned?.trim() ?? "")}
              />
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

const MOST = 6;

export function Answer({ name, text, isRight }: { name: string; text: string; isRight?: boolean }) {
  const { words } = useWords();
  return (
    <div class={isRight ? "answer right" : "answer"}>
      <p class="who">
        {name}
        {isRight && <span> ✓</span>}
      </p>
      <div class="text">{text === "" ? <span class="note">{words.emptyAnswer}</span> : text}</div>
    </div>
  );
}
