/** Holds what a server sends to the types of OpenAI's client, by TypeScript itself: no field is listed here. */
import { join } from "node:path";
import ts from "typescript";

/** A value that was sent, and the type that the client says it has. */
export interface Sent {
  /** One of {@link TYPES}, or of what `openai/resources` exports. */
  type: string;
  value: unknown;
}

/**
 * Where OpenAI's API, or attune, says more than the client's types do: the status of a paused job; what `stream` and `echo`
 * leave null in completions; whether a response is stored; the parent of an adapter; the recipe of a job. `output_text` is
 * the client's own addition to what is sent.
 */
const TYPES = `
import type OpenAI from "openai";
import type * as P from "openai/pagination";
import type * as S from "openai/resources/shared";
import type * as R from "openai/resources/responses/responses";
import type * as J from "openai/resources/fine-tuning/jobs/jobs";
import type * as C from "openai/resources/fine-tuning/jobs/checkpoints";
type Model = OpenAI.Models.Model & { parent?: string };
type ModelList = P.PageResponse<Model>;
type ModelDeleted = OpenAI.Models.ModelDeleted;
type Chat = OpenAI.ChatCompletion;
type ChatChunk = OpenAI.ChatCompletionChunk;
type Logprobs = Omit<OpenAI.CompletionChoice.Logprobs, "token_logprobs" | "top_logprobs"> & {
  token_logprobs: (number | null)[];
  top_logprobs: (Record<string, number> | null)[];
};
type Choice = Omit<OpenAI.CompletionChoice, "logprobs"> & { logprobs: Logprobs | null };
type Completion = Omit<OpenAI.Completion, "choices"> & { choices: Choice[] };
type CompletionChunk = Omit<Completion, "choices" | "usage"> & {
  choices: (Omit<Choice, "finish_reason"> & { finish_reason: Choice["finish_reason"] | null })[];
  usage?: OpenAI.CompletionUsage | null;
};
type FileObject = OpenAI.FileObject;
type FileDeleted = OpenAI.FileDeleted;
type Listed<T> = P.CursorPageResponse<T> & { object: "list"; first_id: string | null; last_id: string | null };
type FileList = Listed<FileObject>;
type Job = Omit<J.FineTuningJob, "status"> & {
  status: J.FineTuningJob["status"] | "paused";
  user_provided_suffix: string | null;
  recipe?: Record<string, unknown>;
};
type JobList = Listed<Job>;
type EventList = Listed<J.FineTuningJobEvent>;
type CheckpointList = Listed<C.FineTuningJobCheckpoint & { metrics: Record<string, number> }>;
type SentResponse = Omit<R.Response, "output_text"> & { store: boolean };
type SentEvent<T> = T extends { response: R.Response } ? Omit<T, "response"> & { response: SentResponse } : T;
type ResponseEvent = SentEvent<R.ResponseStreamEvent>;
type Failure = { error: S.ErrorObject };
`;

/** What TypeScript says against the values, each fault once; nothing when all have their types. */
export function typeFaults(sent: readonly Sent[]): string[] {
  const heads = TYPES.split("\n").length;
  const lines = sent.map(({ type, value }, i) => `export const v${i}: ${type} = ${JSON.stringify(value)};`);
  const program = programOf(`${TYPES}\n${lines.join("\n")}\n`);
  const faults = new Map<string, string>(); // one place of each kind is enough
  for (const { messageText, file, start } of ts.getPreEmitDiagnostics(program)) {
    const text = ts.flattenDiagnosticMessageText(messageText, "\n");
    const { line, character } = file!.getLineAndCharacterOfPosition(start!);
    const place = line - heads;
    faults.set(`${sent[place]?.type}: ${text}`, excerpt(lines[place] ?? "", character));
  }
  return Array.from(faults, ([fault, where]) => `${fault}\n  in ${where}`);
}

const excerpt = (line: string, at: number) => line.slice(Math.max(0, at - 20), at + 120);

function programOf(text: string): ts.Program {
  const name = join(import.meta.dirname, "sent_values.ts"); // it is there for the compiler alone
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    lib: ["lib.es2022.d.ts", "lib.dom.d.ts"],
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (path) => path === name || fileExists(path);
  host.getSourceFile = (path, ...more) =>
    path === name ? ts.createSourceFile(name, text, more[0]) : getSourceFile(path, ...more);
  return ts.createProgram([name], options, host);
}
