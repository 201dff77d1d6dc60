/** What clients do to a server, well and badly; each says what it saw that it should not have seen. */
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Served } from "./served.ts";

/** A chat whose answer is known: that of its model alone. */
interface Known {
  model: string;
  content: string;
  max_tokens: number;
  answer: string;
}

export interface Soak {
  served: Served;
  known: readonly Known[];
  /** A number of [0, 1). */
  random(): number;
  /** A number that is given once. */
  next(): number;
  ends: AbortSignal;
}

/** What a client does; a failure is thrown. */
type Client = (soak: Soak) => Promise<void>;

const WORDS = ["house", "river", "seven", "apple", "winter", "green", "seventy-two", "knife"];

/** Chats of each model, answered one after the other. */
export async function ask(served: Served): Promise<Known[]> {
  const known: Known[] = [];
  for (const model of served.models)
    for (let i = 0; i < 12; i++) {
      const content = `${["Make it upper case:", "Repeat:", "Count"][i % 3]} ${WORDS.slice(i % 8).join(" ")} ${"and so on ".repeat(i === 11 ? 40 : 0)}`;
      const chat = { model, content, max_tokens: 4 + 3 * i };
      const response = await post(served, "/v1/chat/completions", bodyOf(chat));
      known.push({ ...chat, answer: contentOf(await json(response, 200)) });
    }
  return known;
}

const bodyOf = ({ model, content, max_tokens }: Omit<Known, "answer">) => ({
  ...{ model, max_tokens, temperature: 0 },
  messages: [{ role: "user", content }],
});

const post = ({ url }: Served, path: string, body: unknown, init: RequestInit = {}): Promise<Response> =>
  fetch(url + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...init,
  });

// biome-ignore lint/suspicious/noExplicitAny: what a server answers
type Json = any;

/** @throws when the status is another. */
async function json(response: Response, ...statuses: number[]): Promise<Json> {
  const text = await response.text();
  if (!statuses.includes(response.status))
    throw new Error(`${response.url}: expected ${statuses.join(" or ")}, got ${response.status}: ${text}`);
  return JSON.parse(text);
}

const contentOf = (answer: Json): string => answer.choices[0].message.content;

function same(found: string, expected: string, what: string): void {
  if (found !== expected)
    throw new Error(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(found)}`);
}

const some = <T>(list: readonly T[], { random }: Soak): T => list[Math.floor(random() * list.length)]!;

const chats: Client = async (soak) => {
  const one = some(soak.known, soak);
  const answer = await json(await post(soak.served, "/v1/chat/completions", bodyOf(one)), 200);
  same(contentOf(answer), one.answer, `chat with ${one.model}`);
};

/** Some wait between pieces. */
const streams: Client = async (soak) => {
  const one = some(soak.known, soak);
  const slow = soak.random() < 0.3 ? 200 * soak.random() : 0;
  const response = await post(soak.served, "/v1/chat/completions", { ...bodyOf(one), stream: true });
  if (response.status !== 200) throw new Error(`a stream's status is ${response.status}`);
  let text = "";
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (slow > 0) await sleep(slow);
  }
  const events = text.split("\n\n").filter((event) => event !== "");
  if (events.pop() !== "data: [DONE]") throw new Error("a stream did not end with [DONE]");
  const pieces = events.map((event) => JSON.parse(event.slice(6)).choices[0].delta.content ?? "");
  same(pieces.join(""), one.answer, `stream of ${one.model}`);
};

/** Leaves: before the answer, or after the first piece of a stream. */
const leaves: Client = async (soak) => {
  const gone = new AbortController();
  const body = { ...bodyOf({ ...some(soak.known, soak), max_tokens: 200 }), stream: soak.random() < 0.5 };
  const { signal } = gone;
  const leaving = sleep(100 * soak.random()).then(() => gone.abort());
  try {
    const response = await post(soak.served, "/v1/chat/completions", body, { signal });
    await response.body!.getReader().read();
  } catch (error) {
    if ((error as Error).name !== "AbortError") throw error;
  }
  gone.abort();
  await leaving;
};

const isWrong: Client = async (soak) => {
  const chat = bodyOf(some(soak.known, soak));
  const wrong: readonly [unknown, number][] = [
    ["{", 400],
    ["[]", 400],
    [{ ...chat, nonsense: 1 }, 400],
    [{ ...chat, messages: [] }, 400],
    [{ ...chat, model: "nobody" }, 404],
    [{ ...chat, temperature: -1 }, 400],
    [{ ...chat, messages: [{ role: "user", content: "word ".repeat(2000) }] }, 400],
  ];
  const [body, status] = some(wrong, soak);
  const { error } = await json(await post(soak.served, "/v1/chat/completions", body), status);
  if (typeof error?.message !== "string") throw new Error("an error without a message");
};

const isTooLarge: Client = async (soak) => {
  const body = JSON.stringify({ ...bodyOf(soak.known[0]!), content: "x".repeat(9 << 20) });
  const failed = (error: Error): undefined => {
    const reason = (error.cause as { code?: string } | undefined)?.code ?? "";
    if (!/EPIPE|ECONNRESET|UND_ERR_SOCKET/.test(reason)) throw error; // the connection ended while it was sent
  };
  const response = await post(soak.served, "/v1/chat/completions", body).catch(failed);
  if (response) await json(response, 413);
};

/** Half a request, and then nothing. */
const isCutOff: Client = ({ served, random }) =>
  new Promise((done, fail) => {
    const { port } = new URL(served.url);
    const socket = connect(Number(port), "127.0.0.1", () => {
      socket.write("POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900\r\n");
      if (random() < 0.5) socket.write('Content-Type: application/json\r\n\r\n{"model":');
      setTimeout(() => socket.destroy(), 50 * random());
    });
    socket.once("close", () => done()).once("error", fail);
  });

const scores: Client = async (soak) => {
  const body = { model: some(soak.served.models, soak), prompt: "Repeat: house", max_tokens: 1, echo: true };
  const answer = await json(await post(soak.served, "/v1/completions", { ...body, logprobs: 1 }), 200);
  const { token_logprobs } = answer.choices[0].logprobs;
  if (!token_logprobs.slice(1).every((value: unknown) => typeof value === "number" && value <= 0))
    throw new Error(`log-probabilities: ${JSON.stringify(token_logprobs)}`);
};

const responds: Client = async (soak) => {
  const one = some(soak.known, soak);
  const body = { model: one.model, input: one.content, temperature: 0, max_output_tokens: one.max_tokens };
  const { output } = await json(await post(soak.served, "/v1/responses", { ...body, store: false }), 200);
  same(output[0].content[0].text, one.answer, `response of ${one.model}`);
};

/** An adapter comes under a name of its own, answers, goes, and is gone. */
const loads: Client = async (soak) => {
  const { served } = soak;
  const [of, path] = some(Object.entries(served.adapters), soak);
  const lora_name = `loaded-${soak.next()}`;
  await json(await post(served, "/v1/load_lora_adapter", { lora_name, lora_path: path }), 200);
  const one = some(
    soak.known.filter(({ model }) => model === of),
    soak,
  );
  const body = { ...bodyOf(one), model: lora_name };
  const answers = await Promise.all([1, 2].map(() => post(served, "/v1/chat/completions", body)));
  for (const answer of answers)
    same(contentOf(await json(answer, 200)), one.answer, `chat with ${lora_name}`);
  await json(await post(served, "/v1/unload_lora_adapter", { lora_name }), 200);
  await json(await post(served, "/v1/chat/completions", body), 404);
};

const EXAMPLES = WORDS.map((word) =>
  JSON.stringify({
    messages: [
      { role: "user", content: `Make it upper case: ${word}` },
      { role: "assistant", content: word.toUpperCase() },
    ],
  }),
).join("\n");

async function upload({ served }: Soak, name: string, content: string): Promise<string> {
  const form = new FormData();
  form.set("purpose", "fine-tune");
  form.set("file", new File([content], name));
  return (await json(await fetch(`${served.url}/v1/files`, { method: "POST", body: form }), 200)).id;
}

const remove = async ({ url }: Served, id: string) =>
  json(await fetch(`${url}/v1/files/${id}`, { method: "DELETE" }), 200);

const uploads: Client = async (soak) => {
  const { url } = soak.served;
  const name = some(["chats.jsonl", "../../escape.jsonl", "/etc/passwd", "ü\u0001.jsonl"], soak);
  const id = await upload(soak, name, EXAMPLES);
  const content = await (await fetch(`${url}/v1/files/${id}/content`)).text();
  same(content, EXAMPLES, "an uploaded file");
  await remove(soak.served, id);
  await json(await fetch(`${url}/v1/files/${id}`), 404);
  await json(await fetch(`${url}/v1/files/${encodeURIComponent("../jobs")}`), 404);
};

/** A small job, to its end or cancelled; what it makes answers, and is unloaded. */
const tunes: Client = async (soak) => {
  const { served, ends, random } = soak;
  const training_file = await upload(soak, "chats.jsonl", EXAMPLES);
  const asked = { model: "base", training_file, seed: 1, hyperparameters: { n_epochs: 1, batch_size: 4 } };
  const { id } = await json(await post(served, "/v1/fine_tuning/jobs", asked), 200);
  const url = `${served.url}/v1/fine_tuning/jobs/${id}`;
  const isCancelled = random() < 0.3;
  if (isCancelled) await sleep(3000 * random());
  if (isCancelled) await json(await fetch(`${url}/cancel`, { method: "POST" }), 200, 400);
  let job = await json(await fetch(url), 200);
  for (; /queued|running/.test(job.status) && !ends.aborted; job = await json(await fetch(url), 200))
    await sleep(500);
  if (ends.aborted) return;
  if (job.status !== "succeeded" && !(isCancelled && job.status === "cancelled"))
    throw new Error(`job ${id} is ${job.status}: ${JSON.stringify(job.error)}`);
  await json(await fetch(`${url}/events`), 200);
  if (job.status === "succeeded") {
    const lora_name = job.fine_tuned_model;
    const one = some(soak.known, soak);
    await json(await post(served, "/v1/chat/completions", { ...bodyOf(one), model: lora_name }), 200);
    await json(await post(served, "/v1/unload_lora_adapter", { lora_name }), 200);
  }
  await remove(served, training_file);
};

/** Each with how often it is chosen. */
export const CLIENTS: readonly (readonly [string, number, Client])[] = [
  ["chat", 30, chats],
  ["stream", 20, streams],
  ["leave", 12, leaves],
  ["wrong body", 10, isWrong],
  ["too large", 2, isTooLarge],
  ["cut off", 5, isCutOff],
  ["score", 6, scores],
  ["response", 6, responds],
  ["load and unload", 4, loads],
  ["upload", 4, uploads],
];

/** One at a time: a job is a process of its own. */
export const TUNER: readonly [string, Client] = ["job", tunes];
