import { AttuneError, type MemoryFiles } from "attune/browser";
import { isFull, type Storage } from "../storage.ts";
import type { Download, ModelSource } from "./protocol.ts";

type Files = Record<string, Blob>;

const KEPT = "model"; // the storage's folder
const COMPLETE = "complete"; // written last, holds the model's name

interface Means {
  /** None where nothing is kept. */
  storage?: Storage;
  tell: (progress: Download) => void;
}

/** A model's files, by their names in its directory. @throws AttuneError when they can't be had. */
export async function modelFiles(source: ModelSource, means: Means): Promise<MemoryFiles> {
  await keeping; // the storage holds one model
  if (source.kind === "files") return source.files;
  if (source.kind === "demo") return demoFiles(source.url);
  return source.kind === "hub" ? hubFiles(source.name, means) : keptFiles(source.name, means);
}

const DEMO = [
  ...["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"],
  ...["chat_template.jinja", "model.safetensors"],
];

async function demoFiles(url: string): Promise<Files> {
  const files = DEMO.map(
    async (name) => [name, await (await fetched(new URL(name, url).href)).blob()] as const,
  );
  return Object.fromEntries(await Promise.all(files));
}

let keeping: Promise<void> = Promise.resolve();

/** Puts a model that came as files where a later visit finds it, in the background, if there is room. */
export function keepModel(model: { name: string; files: Files }, storage: Storage): void {
  keeping = copyModel(model, storage).catch(() => storage.remove(KEPT).catch(() => {})); // a part is of no use
}

async function copyModel({ name, files }: { name: string; files: Files }, storage: Storage): Promise<void> {
  await storage.remove(KEPT);
  const size = Object.values(files).reduce((sum, file) => sum + file.size, 0);
  const { quota = 0, usage = 0 } = await navigator.storage.estimate();
  if (size > (quota - usage) / 2) return;
  for (const [file, content] of Object.entries(files)) await storage.write(`${KEPT}/${file}`, content);
  await storage.write(`${KEPT}/${COMPLETE}`, name);
}

async function keptFiles(name: string, { storage }: Means): Promise<Files> {
  const files = storage && (await completeFiles(storage, name));
  if (files) return files;
  throw new AttuneError({
    code: "playground.model-not-kept",
    place: name,
    problem: "the browser has not kept this model's files",
    wayOut: "Choose them again",
  });
}

async function completeFiles(storage: Storage, name: string): Promise<Files | undefined> {
  const complete = await (await storage.read(`${KEPT}/${COMPLETE}`))?.text();
  if (complete !== name) return undefined;
  const names = (await storage.names(KEPT)).filter((file) => file !== COMPLETE);
  const files = names.map(async (file) => [file, (await storage.read(`${KEPT}/${file}`))!] as const);
  return Object.fromEntries(await Promise.all(files));
}

const HUB = "https://huggingface.co";
const WANTED =
  /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|chat_template|model\.safetensors\.index)\.json$|^chat_template\.jinja$|^model(-\d+-of-\d+)?\.safetensors$/;

/** Downloads a model, into the browser's storage where there is one. */
async function hubFiles(name: string, means: Means): Promise<Files> {
  const { storage } = means;
  const kept = storage && (await completeFiles(storage, name));
  if (kept) return kept;
  if (!/^[\w.-]+\/[\w.-]+$/.test(name))
    throw new AttuneError({
      code: "playground.wrong-name",
      place: name,
      problem: "that is no model's name",
      expected: "organisation/name, as on the hub",
    });
  const listing = await (await fetched(`${HUB}/api/models/${name}`)).json();
  const all: string[] = listing.siblings.map(({ rfilename }: { rfilename: string }) => rfilename);
  const isWhole = all.includes("model.safetensors");
  const names = all.filter((file) => WANTED.test(file) && !(isWhole && /-of-|index/.test(file)));
  await storage?.remove(KEPT);
  try {
    const files = await downloadAll(name, names, means);
    await storage?.write(`${KEPT}/${COMPLETE}`, name);
    return files;
  } catch (error) {
    if (!isFull(error)) throw error;
    await storage?.remove(KEPT);
    return downloadAll(name, names, { ...means, storage: undefined });
  }
}

async function downloadAll(name: string, names: readonly string[], means: Means): Promise<Files> {
  const files: Files = {};
  for (const file of names) files[file] = await download(`${HUB}/${name}/resolve/main/${file}`, file, means);
  return files;
}

async function download(url: string, file: string, { storage, tell }: Means): Promise<Blob> {
  const response = await fetched(url);
  const total = Number(response.headers.get("content-length")) || undefined;
  let loaded = 0;
  const counted = response.body!.pipeThrough(
    new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(chunk, controller) {
        loaded += chunk.length;
        tell({ file, loaded, total });
        controller.enqueue(chunk);
      },
    }),
  );
  if (!storage) return new Response(counted).blob();
  await storage.write(`${KEPT}/${file}`, counted);
  return (await storage.read(`${KEPT}/${file}`))!;
}

async function fetched(url: string): Promise<Response> {
  const response = await fetch(url).catch((error: Error) => error);
  if (response instanceof Response && response.ok) return response;
  const problem = response instanceof Response ? `the server answered ${response.status}` : response.message;
  throw new AttuneError({
    code: "playground.no-download",
    place: url,
    problem: `the file can't be fetched: ${problem}`,
    wayOut: "Check the name and the connection; gated models have to be chosen as files",
  });
}
