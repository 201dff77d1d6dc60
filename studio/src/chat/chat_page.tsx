import { useEffect, useState } from "preact/hooks";
import { faultText } from "../parts/fault.tsx";
import { loadModels, server } from "../server.ts";
import { useWords } from "../words_in_use.ts";
import { ask, clear, conversation, isAnswering, stop, type Turn } from "./conversation.ts";

/** The base and its adapters, asked the same, side by side. */
export function ChatPage() {
  const { words } = useWords();
  const { models } = server.use();
  const chat = conversation.use();
  useEffect(() => void loadModels().catch(() => {}), []);
  useEffect(() => {
    if (isNearEnd()) scrollDown(); // who scrolled up to read stays there
  }, [chat.turns]);
  const known = (id: string) => models.some((model) => model.id === id);
  const chosen = (chat.models ?? firstModels(models)).filter(known);
  const toggle = (id: string) =>
    conversation.set({
      models: chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id],
    });
  return (
    <div class="chat">
      <div class="title-line">
        <h1>{words.chat}</h1>
        <button type="button" class="quiet" disabled={chat.turns.length === 0} onClick={clear}>
          {words.clear}
        </button>
      </div>
      <fieldset class="plain model-choice">
        <legend class="note">{words.whomToAsk}</legend>
        {models.map(({ id, parent }) => (
          <label key={id} class={chosen.includes(id) ? "chip chosen" : "chip"}>
            <input type="checkbox" checked={chosen.includes(id)} onChange={() => toggle(id)} />
            {id} {!parent && id !== words.base && <span class="note">{words.base}</span>}
          </label>
        ))}
      </fieldset>
      <Settings />
      <div class="turns" role="log" aria-label={words.chat}>
        {chat.turns.length === 0 && (
          <p class="empty">{models.length > 1 ? words.chatEmpty : words.chatOnlyBase}</p>
        )}
        {chat.turns.map((turn, i) => (
          <TurnView key={i} turn={turn} />
        ))}
      </div>
      <AskForm models={chosen} isRunning={isAnswering(chat)} />
    </div>
  );
}

const scrollDown = () => scrollTo({ top: document.documentElement.scrollHeight });

function isNearEnd(): boolean {
  const { scrollHeight, scrollTop, clientHeight } = document.documentElement;
  return scrollHeight - scrollTop - clientHeight < 200; // pixels
}

/** The base, and what was tuned last. */
function firstModels(models: readonly { id: string; created: number; parent?: string }[]): string[] {
  const base = models.find(({ parent }) => !parent);
  const adapters = models.filter(({ parent }) => parent).sort((a, b) => a.created - b.created);
  return [base, adapters.at(-1)].flatMap((model) => model?.id ?? []);
}

function Settings() {
  const { words } = useWords();
  const { system, temperature, maxTokens } = conversation.use();
  return (
    <details class="chat-settings">
      <summary>{words.chatSettings}</summary>
      <div class="fields">
        <div class="field">
          <label for="temperature">{words.temperature}</label>
          <input
            id="temperature"
            type="number"
            min="0"
            max="2"
            step="0.1"
            value={temperature}
            aria-describedby="temperature-hint"
            onInput={({ currentTarget }) => conversation.set({ temperature: currentTarget.value })}
          />
          <p class="note" id="temperature-hint">
            {words.temperatureHint}
          </p>
        </div>
        <div class="field">
          <label for="max-tokens">{words.maxTokens}</label>
          <input
            id="max-tokens"
            type="number"
            min="1"
            value={maxTokens}
            onInput={({ currentTarget }) => conversation.set({ maxTokens: currentTarget.value })}
          />
        </div>
      </div>
      <label for="system">{words.system}</label>
      <textarea
        id="system"
        rows={2}
        value={system}
        onInput={({ currentTarget }) => conversation.set({ system: currentTarget.value })}
      />
    </details>
  );
}

function TurnView({ turn: { question, answers } }: { turn: Turn }) {
  const { words } = useWords();
  return (
    <article class="turn">
      <p class="asked">{question}</p>
      <div class="answers">
        {Object.entries(answers).map(([model, { text, isRunning, problem }]) => (
          <div key={model} class="answer" aria-busy={isRunning} data-model={model}>
            <p class="who">{model}</p>
            <div class="text">
              {text}
              {isRunning && <span class="caret" aria-hidden="true" />}
              {text === "" && !isRunning && !problem && <span class="note">{words.emptyAnswer}</span>}
            </div>
            {problem && <p class="wrong">{faultText(problem, words)}</p>}
          </div>
        ))}
      </div>
    </article>
  );
}

function AskForm({ models, isRunning }: { models: readonly string[]; isRunning: boolean }) {
  const { words } = useWords();
  const [text, setText] = useState("");
  const canAsk = text.trim() !== "" && models.length > 0 && !isRunning;
  const submit = (event: Event) => {
    event.preventDefault();
    if (!canAsk) return;
    void ask(text.trim(), models);
    setText("");
    requestAnimationFrame(scrollDown);
  };
  return (
    <form class="ask" onSubmit={submit}>
      <label class="visually-hidden" for="message">
        {words.message}
      </label>
      <textarea
        id="message"
        rows={2}
        placeholder={words.messageHint}
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
        onKeyDown={(event) => event.key === "Enter" && !event.shiftKey && !event.isComposing && submit(event)}
      />
      {isRunning ? (
        <button type="button" onClick={stop}>
          {words.stop}
        </button>
      ) : (
        <button type="submit" class="main" disabled={!canAsk}>
          {words.send}
        </button>
      )}
    </form>
  );
}
