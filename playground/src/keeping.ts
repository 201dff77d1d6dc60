/** Keeps what is on the page for the next visit, and puts it back. */
import type { ResultFiles } from "attune/browser";
import { forgetCheckpoints, lastCheckpoint } from "./checkpoints.ts";
import type { Settings } from "./settings.ts";
import { isFull, openStorage, type Storage } from "./storage.ts";
import { type Curve, current, isTuning, NO_RUN, type Row, type RunStart, update } from "./store.ts";

/** Of a visit; the rows, which may be many, are in a file of their own, and so is a run. */
interface Session {
  version: 1;
  model: { kind: "demo" | "kept"; name: string };
  settings: Settings;
}

interface Progress {
  totalSteps: number;
  isDone: boolean;
  trainedParameters?: number;
  loss: Curve;
  heldOut: Curve;
}

const ADAPTER = ["adapter_config.json", "adapter_model.safetensors"] as const;

let storage: Storage | undefined;

/** Puts back what an earlier visit left. @returns the model it had */
export async function restore(): Promise<Session["model"] | undefined> {
  storage = await openStorage();
  const isFirst = await beFirst();
  if (!isFirst) storage = undefined;
  update({ keeping: storage ? "here" : isFirst ? "nowhere" : "elsewhere" });
  const session = await readJson<Session>("session.json");
  if (session?.version !== 1) return undefined;
  const rows = (await readJson<Row[]>("rows.json")) ?? [];
  update({ rows, settings: session.settings });
  await restoreRun();
  return session.model;
}

async function restoreRun(): Promise<void> {
  const input = await readJson<RunStart>("run.json");
  const progress = await readJson<Progress>("progress.json");
  if (!input || !progress) return;
  const { isDone, ...rest } = progress;
  const step = isDone ? rest.totalSteps : ((await lastCheckpoint(storage!))?.step ?? 0);
  const adapter = await restoreAdapter();
  if (step === 0) return update({ adapter });
  const run = { ...NO_RUN, ...rest, input, step, saved: step, status: isDone ? "done" : "stopped" } as const;
  update({ run, adapter, isBack: !isDone });
}

async function restoreAdapter(): Promise<ResultFiles | undefined> {
  const files: ResultFiles = {};
  for (const name of ADAPTER) {
    const file = await storage?.read(name);
    if (!file?.size) return undefined; // there was no room for it
    files[name] = new Uint8Array(await file.arrayBuffer());
  }
  return files;
}

/** One tab at a time keeps what it does: the first one, until it is closed. */
const beFirst = (): Promise<boolean> =>
  new Promise((resolve) => {
    if (!navigator.locks) return resolve(true);
    void navigator.locks.request("attune-playground", { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock && new Promise<void>(() => {});
    });
  });

let waiting: ReturnType<typeof setTimeout> | undefined;
let withRows = false;

/** Keeps settings and, where they have changed, rows: a moment later, as they change with every key. */
export function keep({ rows = false } = {}): void {
  withRows ||= rows;
  clearTimeout(waiting);
  waiting = setTimeout(() => void keepNow(), 500);
}

export async function keepNow(): Promise<void> {
  const { model, settings, rows } = current();
  const session: Session = {
    version: 1,
    model: { kind: model.isDemo ? "demo" : "kept", name: model.info?.name ?? "" },
    settings,
  };
  await writeJson("session.json", session);
  if (withRows) await writeJson("rows.json", rows);
  withRows = false;
}

// Leaving the page counts as a moment.
addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") void keepNow();
});

export const keepRun = (input: RunStart): Promise<void> => writeJson("run.json", input);

export async function keepProgress(): Promise<void> {
  const { totalSteps, status, trainedParameters, loss, heldOut } = current().run;
  const isDone = status === "done";
  await writeJson("progress.json", { totalSteps, isDone, trainedParameters, loss, heldOut });
}

export async function keepAdapter(files: ResultFiles): Promise<void> {
  await forgetAdapter(); // one file of each would be of no use
  for (const name of ADAPTER) if (files[name]) await quietly(async () => storage?.write(name, files[name]!));
}

async function forgetAdapter(): Promise<void> {
  for (const name of ADAPTER) await quietly(async () => storage?.remove(name));
}

/** The adapter of an earlier run stays until there is another one. */
export async function forgetRun({ adapter }: { adapter: boolean }): Promise<void> {
  await quietly(async () => storage && forgetCheckpoints(storage));
  for (const name of ["progress.json", "run.json"]) await quietly(async () => storage?.remove(name));
  if (adapter) await forgetAdapter();
}

const writeJson = (name: string, value: unknown) =>
  quietly(async () => storage?.write(name, JSON.stringify(value)));

async function readJson<T>(name: string): Promise<T | undefined> {
  try {
    const file = await storage?.read(name);
    return file && JSON.parse(await file.text());
  } catch {
    return undefined; // damaged, or of a version that wrote it otherwise
  }
}

/** What can't be kept, as the disk is full, is on the page all the same. */
async function quietly(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    update({ keeping: isFull(error) ? "full" : "nowhere" });
  }
}

/** Closing the tab would lose what nothing keeps: the browser asks first. */
addEventListener("beforeunload", (event) => {
  const { keeping, run, adapter } = current();
  if (keeping !== "here" && (isTuning(run) || adapter)) event.preventDefault();
});
