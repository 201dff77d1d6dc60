import { AttuneError, type FetchProgress, fetchFile, hubFiles, type MemoryFiles } from "attune/browser";
import { isFull, type Storage } from "../storage.ts";
import type { ModelSource } from "./protocol.ts";

type Files = Record<string, Blob>;

const KEPT = "model"; // the storage's folder
const COMPLETE = "complete"; // written last, holds the model's name

interface Means {
  /** None where nothing is kept. */
  storage?: Storage;
  tell: (progress: FetchProgress) => void;
}

/** A model's files, by their names in its directory. @throws AttuneError when they can't be had. */
export async function modelFiles(source: ModelSource, means: Means): Promise<MemoryFiles> {
  await keeping; // the storage holds one model
  if (source.kind === "files") return source.files;
  if (source.kind === "demo") return demoFiles(source.url);
  return source.kind === "hub" ? downloadedFiles(source.name, means) : keptFiles(source.name, means);
}

const DEMO = [
  ...["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"],
  ...["chat_template.jinja", "model.safetensors"],
];

async function demoFiles(url: string): Promise<Files> {
  const files = DEMO.map(
    async (name) => [name, await (await fetchFile(new URL(name, url), name)).blob()] as const,
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

/** Downloads a model, into the browser's storage where there is one. */
async function downloadedFiles(name: string, means: Means): Promise<Files> {
  const { storage } = means;
  const kept = storage && (await completeFiles(storage, name));
  if (kept) return kept;
  const urls = Object.entries(await hubFiles(name)).filter(([file]) => !file.includes("/")); // the storage has no folders in it
  await storage?.remove(KEPT);
  try {
    const files = await downloadAll(urls, means);
    await storage?.write(`${KEPT}/${COMPLETE}`, name);
    return files;
  } catch (error) {
    if (!isFull(error)) throw error;
    await storage?.remove(KEPT);
    return downloadAll(urls, { ...means, storage: undefined });
  }
}

async function downloadAll(urls: readonly [string, URL][], means: Means): Promise<Files> {
  const files: Files = {};
  for (const [file, url] of urls) files[file] = await download(url, file, means);
  return files;
}

async function download(url: URL, file: string, { storage, tell }: Means): Promise<Blob> {
  const response = await fetchFile(url, file, { onProgress: tell });
  if (!storage) return response.blob();
  await storage.write(`${KEPT}/${file}`, response.body!);
  return (await storage.read(`${KEPT}/${file}`))!;
}
