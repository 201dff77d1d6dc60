import { useState } from "preact/hooks";
import { ask } from "../actions.ts";
import type { PartProps } from "../app.tsx";
import { areExamples, exampleQuestions } from "../examples.ts";
import { questionOf } from "../rows.ts";
import { isTuning, type State } from "../store.ts";
import type { Words } from "../words.ts";
import { Fault } from "./fault.tsx";

export function AskPart({ state, words }: PartProps) {
  const { ask: asked, adapter, run, model } = state;
  const [text, setText] = useState("");
  const isBusy = isTuning(run) || asked.isRunning || !model.info;
  const send = (question: string) => {
    setText(question);
    if (question.trim() !== "" && !isBusy) void ask(question.trim());
  };
  const submit = (event: Event) => {
    event.preventDefault();
    send(text);
  };
  return (
    <section class="card" aria-labelledby="ask-title">
      <h2 id="ask-title">
        <span class="number">5</span> {words.ask}
      </h2>
      <p class="note">{isTuning(run) ? words.busy : words.askHint}</p>
      <form onSubmit={submit}>
        <label for="question">{words.question}</label>
        <textarea
          id="question"
          rows={3}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && submit(event)}
        />
        <button type="submit" class="main" disabled={isBusy || text.trim() === ""}>
          {asked.isRunning ? words.answering : words.askIt}
        </button>
      </form>
      <Examples state={state} words={words} isBusy={isBusy} send={send} />
      <Fault failure={asked.failure} words={words} />
      {(asked.isRunning || asked.before !== undefined) && (
        <div class="answers" aria-busy={asked.isRunning}>
          <Answer
            id="before"
            name={words.before}
            text={asked.before}
            isRunning={asked.isRunning}
            words={words}
          />
          <Answer
            id="after"
            name={words.after}
            text={adapter ? asked.after : words.notTuned}
            isRunning={asked.isRunning}
            isNote={!adapter}
            words={words}
          />
        </div>
      )}
    </section>
  );
}

interface AnswerProps {
  id: string;
  name: string;
  text?: string;
  isRunning: boolean;
  isNote?: boolean;
  words: Words;
}

function Answer({ id, name, text, isRunning, isNote, words }: AnswerProps) {
  return (
    <div class="answer">
      <h3 id={`answer-${id}`}>{name}</h3>
      <div
        class={isNote ? "text note" : "text"}
        role="status"
        aria-labelledby={`answer-${id}`}
        data-answer={id}
      >
        {text ?? (isRunning ? "…" : "")}
        {text === "" && !isRunning && <span class="note">{words.emptyAnswer}</span>}
      </div>
    </div>
  );
}

const SHOWN = 3;

/** Questions of one's own rows, or ones like the examples that it has never seen. */
function Examples({
  state,
  words,
  isBusy,
  send,
}: PartProps & { isBusy: boolean; send: (question: string) => void }) {
  const questions = questionsFor(state);
  if (questions.length === 0) return null;
  return (
    <div class="chips">
      <span class="note">{words.try}</span>
      {questions.map((question) => (
        <button key={question} type="button" class="chip" disabled={isBusy} onClick={() => send(question)}>
          {question.replace(/\s+/g, " ")}
        </button>
      ))}
    </div>
  );
}

function questionsFor({ rows, settings }: State): string[] {
  const own = rows.slice(0, SHOWN).map((row) => questionOf(row, settings.question));
  const questions = areExamples(rows) ? exampleQuestions : own.filter((text) => text !== "");
  return [...new Set(questions)].slice(0, SHOWN);
}
