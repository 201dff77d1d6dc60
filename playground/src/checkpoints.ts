import type { Storage } from "./storage.ts";

/** Checkpoints of a run, by their steps: the last one, or two for a moment. Worker and page both look there. */
const FOLDER = "checkpoints";

export interface Kept {
  step: number;
  content: File;
}

/** The last one that was written to its end. */
export async function lastCheckpoint(storage: Storage): Promise<Kept | undefined> {
  const steps = (await storage.names(FOLDER)).map(Number).filter(Number.isInteger);
  for (const step of steps.sort((a, b) => b - a)) {
    const content = await storage.read(`${FOLDER}/${step}`);
    if (content && content.size > 0) return { step, content };
  }
  return undefined;
}

/** Keeps one in place of those before. @returns where */
export async function keepCheckpoint(storage: Storage, bytes: Uint8Array, step: number): Promise<string> {
  const path = `${FOLDER}/${step}`;
  await storage.write(path, bytes);
  for (const name of await storage.names(FOLDER))
    if (name !== String(step)) await storage.remove(`${FOLDER}/${name}`);
  return path;
}

export const forgetCheckpoints = (storage: Storage): Promise<void> => storage.remove(FOLDER);
