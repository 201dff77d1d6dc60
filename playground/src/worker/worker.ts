/** attune in a thread of its own: the page stays alive while it computes. */
import {
  AttuneError,
  type Base,
  checkData,
  type Device,
  type LoadedModel,
  loadModel,
  type MemoryFiles,
  type MemoryRecipe,
  openBase,
  type ResultFiles,
  train,
} from "attune/browser";
import { keepCheckpoint, lastCheckpoint } from "../checkpoints.ts";
import { openStorage, type Storage, withRoom } from "../storage.ts";
import { keepModel, modelFiles } from "./model_files.ts";
import type {
  Calls,
  Failure,
  Input,
  ModelInfo,
  ModelSource,
  Name,
  Reply,
  Request,
  RunInput,
  Tell,
} from "./protocol.ts";
import { readFile } from "./read_file.ts";

type Handlers = {
  [K in Name]: (
    input: Input<K>,
    tell: Parameters<Calls[K]> extends [unknown, infer T] ? T : undefined,
  ) => Promise<ReturnType<Calls[K]>>;
};

interface Talking {
  model: LoadedModel<MemoryFiles>;
  device: Device;
  /** The adapter it has. */
  adapter?: ResultFiles;
}

let base: Base | undefined;
/** What is asked of the model meanwhile waits. */
let opening: Promise<unknown> = Promise.resolve();
let adapter: ResultFiles | undefined;
let talking: Talking | undefined;
let running: AbortController | undefined;

const LONGEST_ANSWER = 96; // tokens

const handlers: Handlers = {
  open({ source, keeps }, tell) {
    const opened = openFrom(source, { keeps, tell });
    opening = opened.catch(() => {});
    return opened;
  },

  read: ({ name, blob }) => readFile(blob, name),

  check: async ({ shown, ...input }) => checkData(await opened(), recipeOf(input), { rows: shown }),

  async tune({ device, goOn, keeps, checkpoint: held, ...input }, tell) {
    await releaseTalking();
    running = new AbortController();
    const storage = keeps ? await openStorage() : undefined;
    const checkpoint = goOn ? (held ?? (await keptCheckpoint(storage))) : undefined;
    const saveCheckpoint = async (bytes: Uint8Array, step: number) => {
      const path = storage && (await withRoom(() => keepCheckpoint(storage, bytes, step)));
      if (path === undefined) tell({ type: "unkept", checkpoint: bytes });
      return path ?? "";
    };
    const options = { device, signal: running.signal, checkpoint, saveCheckpoint };
    for await (const event of train(await opened(), recipeOf(input), options)) {
      if (event.type === "end") {
        adapter = event.files;
        return event;
      }
      tell(event);
      await nextTask(); // a step blocks this thread: here it takes what the page has said
    }
    throw new Error("the run ended without saying so");
  },

  async stop() {
    running?.abort();
  },

  async use(files) {
    await opening;
    adapter = files;
  },

  async ask({ text, device }, tell) {
    const model = await talkingOn(device);
    const answer = async (who: "before" | "after", choice: string | null) => {
      const { text: whole } = await model.chat([{ role: "user", content: text }], {
        adapter: choice,
        maxTokens: LONGEST_ANSWER,
        temperature: 0,
        onText: (piece) => tell({ who, piece }),
      });
      return whole;
    };
    const before = await answer("before", null);
    return { before, ...(adapter && { after: await answer("after", TUNED) }) };
  },
};

async function openFrom(
  source: ModelSource,
  { keeps, tell }: { keeps: boolean; tell: Tell<"open"> },
): Promise<ModelInfo> {
  const storage = keeps ? await openStorage() : undefined;
  const files = await modelFiles(source, { storage, tell });
  const name = source.kind === "demo" ? "demo" : source.name;
  const opened = await openBase(files, { name });
  await releaseTalking();
  [base, adapter] = [opened, undefined];
  if (storage && source.kind === "files") keepModel(source, storage);
  return infoOf(opened, name);
}

const TUNED = "tuned";

async function keptCheckpoint(storage: Storage | undefined): Promise<Uint8Array | undefined> {
  const kept = storage && (await lastCheckpoint(storage));
  return kept && new Uint8Array(await kept.content.arrayBuffer());
}

/** The model with the adapter, opened once. */
async function talkingOn(device: Device): Promise<LoadedModel<MemoryFiles>> {
  if (talking?.device !== device) {
    await releaseTalking();
    const model = await loadModel(await opened(), { device, onWarning: () => {} });
    talking = { model, device };
  }
  if (adapter && talking!.adapter !== adapter) {
    await talking!.model.addAdapter(TUNED, adapter);
    talking!.adapter = adapter;
  }
  return talking!.model;
}

async function releaseTalking(): Promise<void> {
  await talking?.model.release();
  talking = undefined;
}

async function opened(): Promise<Base> {
  await opening;
  if (base) return base;
  throw new AttuneError({ code: "playground.no-model", problem: "no model is open", wayOut: "Choose one" });
}

const recipeOf = ({ recipe, rows, columns }: RunInput): MemoryRecipe => ({
  ...recipe,
  data: [{ rows, ...(columns && { columns }) }],
});

function infoOf({ directory, model }: Base, name: string) {
  const tensors = [...directory.tensors.values()];
  return {
    name,
    type: String(directory.config.model_type),
    parameters: tensors.reduce((sum, { shape }) => sum + shape.reduce((n, size) => n * size, 1), 0),
    bytes: tensors.reduce((sum, { byteLength }) => sum + byteLength, 0),
    maxPositions: model.dimensions.maxPositions,
  };
}

/** Unlike a microtask, a message lets others that have come before it have their turn. */
const nextTask = () =>
  new Promise<void>((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });

const reply = (message: Reply) => postMessage(message);

addEventListener("message", async ({ data: { id, name, input } }: MessageEvent<Request>) => {
  try {
    const tell = (event: unknown) => reply({ id, event });
    // biome-ignore lint/suspicious/noExplicitAny: the name says which input and events these are
    reply({ id, value: await (handlers[name] as any)(input, tell as Tell<Name>) });
  } catch (error) {
    reply({ id, failure: failureOf(error) });
  }
});

function failureOf(error: unknown): Failure {
  if (error instanceof AttuneError) return { code: error.code, message: error.message };
  return { message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
