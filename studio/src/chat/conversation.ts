import { type Failure, failureOf, isAbort } from "../api.ts";
import { createStore } from "../store.ts";
import { type ChatSettings, type Message, streamChat } from "./stream_chat.ts";

export interface ModelAnswer {
  text: string;
  isRunning: boolean;
  problem?: Failure;
}

/** A question, and what each model answered. */
export interface Turn {
  question: string;
  answers: Record<string, ModelAnswer>;
}

interface Conversation {
  /** Those that are asked; undefined until somebody chose. */
  models?: string[];
  turns: Turn[];
  system: string;
  temperature: string;
  maxTokens: string;
}

export const conversation = createStore<Conversation>({
  turns: [],
  system: "",
  temperature: "0",
  maxTokens: "256",
});

let asking = new AbortController();

export const isAnswering = ({ turns }: Pick<Conversation, "turns">): boolean =>
  Object.values(turns.at(-1)?.answers ?? {}).some(({ isRunning }) => isRunning);

/** Asks all models at once; each sees its own earlier answers. */
export async function ask(question: string, models: readonly string[]): Promise<void> {
  const { turns } = conversation.get();
  asking = new AbortController();
  const answers = Object.fromEntries(models.map((model) => [model, { text: "", isRunning: true }]));
  conversation.set({ turns: [...turns, { question, answers }] });
  await Promise.all(models.map((model) => askOne(model, turns, question, asking.signal)));
}

async function askOne(model: string, before: readonly Turn[], question: string, signal: AbortSignal) {
  const at = before.length;
  let text = "";
  try {
    const messages = [...historyOf(model, before), { role: "user", content: question } as const];
    const onText = (piece: string) => {
      text += piece;
      setAnswer(at, model, { text, isRunning: true });
    };
    await streamChat(model, messages, settingsOf(conversation.get()), { onText, signal });
    setAnswer(at, model, { text, isRunning: false });
  } catch (error) {
    const problem = isAbort(error) ? undefined : failureOf(error);
    setAnswer(at, model, { text, isRunning: false, problem });
  }
}

function historyOf(model: string, turns: readonly Turn[]): Message[] {
  const { system } = conversation.get();
  const said = turns.flatMap(({ question, answers }): Message[] => {
    const answer = answers[model];
    if (!answer || answer.problem) return [];
    return [
      { role: "user", content: question },
      { role: "assistant", content: answer.text },
    ];
  });
  return system.trim() === "" ? said : [{ role: "system", content: system }, ...said];
}

function settingsOf({ temperature, maxTokens }: Conversation): ChatSettings {
  const number = (text: string) => (text.trim() === "" ? undefined : Number(text));
  return { temperature: number(temperature), max_tokens: number(maxTokens) };
}

function setAnswer(at: number, model: string, answer: ModelAnswer): void {
  const turns = conversation
    .get()
    .turns.map((turn, i) => (i === at ? { ...turn, answers: { ...turn.answers, [model]: answer } } : turn));
  conversation.set({ turns });
}

export const stop = (): void => asking.abort();

export function clear(): void {
  stop();
  conversation.set({ turns: [] });
}
