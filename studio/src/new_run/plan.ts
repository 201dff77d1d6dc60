import { type Failure, failureOf, isAbort, post, send, upload } from "../api.ts";
import type {
  DataCheck,
  Estimate,
  Fault,
  FineTuningJob,
  Recipe,
  RecipeCheck,
  StoredFile,
  Suggestion,
} from "../api_types.ts";
import { baseOf, server } from "../server.ts";
import { createStore } from "../store.ts";
import { firstColumns } from "./first_columns.ts";
import { withValue } from "./recipe_keys.ts";

export const PRESETS = ["quick", "balanced", "quality"] as const;
export type Preset = (typeof PRESETS)[number];

/** A run that is yet to be started. */
export interface Plan {
  file?: StoredFile;
  /** As it was dropped. */
  source?: File;
  /** Of its first row. */
  fileColumns: string[];
  /** What the rows call question and answer, where that had to be asked. */
  columns?: Record<string, string>;
  preset: Preset;
  name: string;
  busy?: "uploading" | "suggesting";
  suggestion?: Suggestion;
  recipe: Recipe;
  yaml: string;
  faults: Fault[];
  check: Part<DataCheck>;
  estimate: Part<Estimate>;
  failure?: Failure;
  starting?: boolean;
}

/** Something that is asked for again whenever the recipe changes. */
export interface Part<T> {
  isRunning: boolean;
  value?: T;
  failure?: Failure;
}

const EMPTY: Plan = {
  fileColumns: [],
  preset: "balanced",
  name: "",
  recipe: {},
  yaml: "",
  faults: [],
  check: { isRunning: false },
  estimate: { isRunning: false },
};

export const plan = createStore<Plan>(EMPTY);

let asking = new AbortController();

/** What is asked from here on makes earlier answers old. */
function anew(): AbortSignal {
  asking.abort();
  asking = new AbortController();
  return asking.signal;
}

export async function takeFile(file: File): Promise<void> {
  const signal = anew();
  const { preset } = plan.get();
  plan.set({ ...EMPTY, ...CLEARED, preset, busy: "uploading" });
  try {
    const stored = await upload<StoredFile>(file);
    if (signal.aborted) return;
    plan.set({ file: stored, source: file, fileColumns: await firstColumns(file), name: nameOf(file.name) });
    await suggest(signal);
  } catch (error) {
    if (!signal.aborted) plan.set({ failure: failureOf(error), busy: undefined });
  }
}

/** A file that the server has. */
export async function takeStored(file: StoredFile): Promise<void> {
  const signal = anew();
  const { preset } = plan.get();
  plan.set({ ...EMPTY, ...CLEARED, preset, busy: "uploading" });
  try {
    const content = await (await send(`/v1/files/${file.id}/content`, { signal })).blob();
    const source = new File([content], file.filename);
    plan.set({ file, source, fileColumns: await firstColumns(source), name: nameOf(file.filename) });
    await suggest(signal);
  } catch (error) {
    if (!signal.aborted) plan.set({ failure: failureOf(error), busy: undefined });
  }
}

/** What EMPTY leaves out. */
const CLEARED = {
  file: undefined,
  source: undefined,
  columns: undefined,
  suggestion: undefined,
  failure: undefined,
  starting: undefined,
  busy: undefined,
} as const;

/** Rows to try it with. */
export async function takeExamples(): Promise<void> {
  const { exampleRows } = await import("../../../web/example_rows.ts");
  const lines = exampleRows().map((row) => JSON.stringify(row));
  await takeFile(new File([lines.join("\n")], "examples.jsonl"));
}

/** Lines that can't be used, where a row is a line and all of them are known. */
export function faultyLines({ source, check }: Plan): number[] | undefined {
  const unusable = check.value?.unusable ?? [];
  const isKnown = unusable.length > 0 && unusable.every(({ count, rows }) => rows.length === count);
  if (!isKnown || !source || !/\.(jsonl|ndjson)$/i.test(source.name)) return undefined;
  return unusable.flatMap(({ rows }) => rows);
}

/** The same file without these lines. */
export async function leaveOut(source: File, lines: readonly number[]): Promise<void> {
  const text = await source.text();
  const kept = text.split("\n").filter((_, i) => !lines.includes(i + 1));
  await takeFile(new File([kept.join("\n")], source.name));
}

export function removeFile(): void {
  anew();
  plan.set({ ...EMPTY, ...CLEARED });
}

export function choosePreset(preset: Preset): void {
  plan.set({ preset });
  if (plan.get().file) void suggest(anew());
}

export function chooseColumns(columns: Record<string, string>): void {
  plan.set({ columns });
  void suggest(anew());
}

async function suggest(signal: AbortSignal): Promise<void> {
  const { columns, preset } = plan.get();
  plan.set({ busy: "suggesting", failure: undefined });
  try {
    const suggestion = await post<Suggestion>(
      "/attune/recipe/suggest",
      { ...chosen(), preset, columns },
      signal,
    );
    plan.set({ suggestion, recipe: suggestion.recipe, busy: undefined });
    await refresh(signal);
  } catch (error) {
    if (isAbort(error) || signal.aborted) return;
    const { file, source } = plan.get();
    plan.set({ ...CLEARED, file, source, columns, failure: failureOf(error), check: EMPTY.check });
  }
}

const chosen = () => ({ model: baseOf(server.get())!.id, training_file: plan.get().file!.id });

export function change(key: string, value: unknown): void {
  changeRecipe(withValue(plan.get().recipe, key, value));
}

let pending: ReturnType<typeof setTimeout> | undefined;
const PAUSE = 350; // ms: while somebody types

export function changeRecipe(recipe: Recipe): void {
  const signal = anew();
  plan.set({ recipe });
  clearTimeout(pending);
  pending = setTimeout(() => void refresh(signal), PAUSE);
}

/** Looks at the recipe, then at what it makes of the data and what it takes. */
async function refresh(signal: AbortSignal): Promise<void> {
  const { recipe } = plan.get();
  try {
    const { yaml, faults } = await post<RecipeCheck>("/attune/recipe/check", { recipe }, signal);
    plan.set({ yaml, faults });
    if (faults.length > 0) return;
    await Promise.all([
      ask("check", "/attune/data/check", { rows: SHOWN }, signal),
      ask("estimate", "/attune/estimate", {}, signal),
    ]);
  } catch (error) {
    if (!isAbort(error)) plan.set({ failure: failureOf(error) });
  }
}

const SHOWN = 5; // rows

/** Runs some passes, for figures of this machine. */
export const measure = (): Promise<void> => ask("estimate", "/attune/estimate", { measure: true }, anew());

async function ask(
  part: "check" | "estimate",
  path: string,
  more: object,
  signal: AbortSignal,
): Promise<void> {
  const set = (value: Part<never>) => plan.set({ [part]: value });
  set({ ...(plan.get()[part] as Part<never>), isRunning: true, failure: undefined });
  try {
    const value = await post<never>(path, { ...chosen(), recipe: plan.get().recipe, ...more }, signal);
    set({ isRunning: false, value });
  } catch (error) {
    if (isAbort(error)) return;
    set({ isRunning: false, failure: failureOf(error) });
  }
}

/** The job's id. */
export async function startRun(): Promise<string | undefined> {
  const { recipe, name } = plan.get();
  plan.set({ starting: true, failure: undefined });
  try {
    const suffix = name === "" ? {} : { suffix: name };
    const { id } = await post<FineTuningJob>("/v1/fine_tuning/jobs", { ...chosen(), ...suffix, recipe });
    return id;
  } catch (error) {
    plan.set({ failure: failureOf(error) });
    return undefined;
  } finally {
    plan.set({ starting: false });
  }
}

/** As a job's suffix may be. */
export const nameOf = (file: string): string =>
  file
    .replace(/(\.\w+)(\.(gz|zst))?$/i, "")
    .replace(/[^\w.-]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40);

export const unusableRows = ({ check }: Plan): number =>
  (check.value?.unusable ?? []).reduce((sum, { count }) => sum + count, 0);
