/** What the page does when it is asked to. State changes here, and in no component. */

import { adviceFor } from "./advice_for.ts";
import { areExamples, exampleRows } from "./examples.ts";
import { forgetRun, keep, keepAdapter, keepNow, keepProgress, keepRun } from "./keeping.ts";
import { blankRow, fieldsOf, usedRows } from "./rows.ts";
import { advise, columnsOf, recipeOf, type Settings } from "./settings.ts";
import { current, isTuning, NO_RUN, type Row, type RunStart, update, updateRun, wordsOf } from "./store.ts";
import { startClient, WorkerFailure } from "./worker/client.ts";
import type { Failure, ModelSource, Tell } from "./worker/protocol.ts";

export const demoSource = (): ModelSource => ({ kind: "demo", url: new URL("base/", document.baseURI).href });

let source: ModelSource = demoSource();

/** A worker that died took its model along: the next one opens it again. */
const client = startClient(() => void openModel(source));

export const failureOf = (error: unknown): Failure =>
  error instanceof WorkerFailure ? error : { message: String((error as Error)?.stack ?? error) };

/** Opens a model, and gives the worker the adapter that belongs to it. */
export async function openModel(from: ModelSource): Promise<void> {
  if (!(await open(from))) return;
  const { adapter } = current();
  if (adapter) await client.call("use", adapter);
  await checkRows();
}

let opening: Promise<unknown> = Promise.resolve();

/** One after the other: what was asked for last is what is open in the end. */
function open(from: ModelSource): Promise<boolean> {
  const opened = opening.then(() => openNow(from));
  opening = opened;
  return opened;
}

async function openNow(from: ModelSource): Promise<boolean> {
  const isDemo = from.kind === "demo";
  const before = current().model;
  update({ model: { ...before, opening: true, failure: undefined, download: undefined } });
  try {
    const info = await client.call("open", { source: from, keeps: isKeeping() }, (download) =>
      update({ model: { ...current().model, download } }),
    );
    source = from;
    update({ model: { info, opening: false, isDemo } });
    await keepNow();
    return true;
  } catch (error) {
    update({ model: { ...before, opening: false, download: undefined, failure: failureOf(error) } });
    return false;
  }
}

const isKeeping = () => current().keeping === "here";

/** Another model than the one that was tuned: what belongs to that one goes. */
export async function changeModel(from: ModelSource): Promise<void> {
  if (!(await open(from))) return;
  const { model, run } = current();
  if (run.input && run.input.model === model.info?.name) return openModel(from);
  update({
    run: NO_RUN,
    adapter: undefined,
    isBack: false,
    ask: { text: current().ask.text, isRunning: false },
  });
  await forgetRun({ adapter: true });
  await checkRows();
}

// Rows

/** Files that were dropped or chosen: those of a model together, or rows. */
export async function takeFiles(files: File[]): Promise<void> {
  if (isTuning(current().run)) return update({ fileFailures: [busy()] });
  if (files.some(({ name }) => name === "config.json" || name.endsWith(".safetensors")))
    return changeModel({ kind: "files", name: modelName(files), files: byName(files) });
  update({ fileFailures: [], broken: [], model: { ...current().model, failure: undefined } });
  for (const file of files) await addFile(file);
}

const busy = () => ({ code: "playground.busy", message: wordsOf(current().language).waitToDrop });

const byName = (files: File[]) => Object.fromEntries(files.map((file) => [file.name, file]));

const modelName = ([file]: File[]) => file?.webkitRelativePath.split("/")[0] || "model";

async function addFile(file: File): Promise<void> {
  try {
    const { rows, broken } = await client.call("read", { name: file.name, blob: file });
    const { rows: before, broken: others } = current();
    if (broken.length > 0) update({ broken: [...others, { file: file.name, rows: broken }] });
    if (rows.length === 0) return;
    if (areExamples(before)) changeRows(rows as Row[], before);
    else changeRows([...usedRows(before).rows, ...(rows as Row[])]);
  } catch (error) {
    update({ fileFailures: [...current().fileFailures, failureOf(error)] });
  }
}

export function useExamples(): void {
  const { rows } = current();
  changeRows(exampleRows(), rows.length > 0 ? rows : undefined);
}

export function changeRows(rows: Row[], removed?: Row[]): void {
  update({ rows, removed, settings: withKnownColumns(current().settings, rows) });
  keep({ rows: true });
  scheduleCheck();
}

/** Columns that were chosen for rows which have gone mean nothing. */
function withKnownColumns({ question, answer, ...settings }: Settings, rows: readonly Row[]): Settings {
  const isKnown = [question, answer].every((column) => column && fieldsOf(rows)?.includes(column));
  return isKnown || rows.length === 0 ? { ...settings, question, answer } : settings;
}

export const addRow = (): void => changeRows([...current().rows, blankRow(current().rows)]);

export const editRow = (place: number, key: string, value: string): void =>
  changeRows(current().rows.map((row, i) => (i === place ? { ...row, [key]: value } : row)));

export const removeRow = (place: number): void =>
  changeRows(
    current().rows.filter((_, i) => i !== place),
    current().rows,
  );

export const removeRows = (places: ReadonlySet<number>): void =>
  changeRows(
    current().rows.filter((_, i) => !places.has(i)),
    current().rows,
  );

export function removeAllRows(): void {
  update({ broken: [], fileFailures: [] });
  changeRows([], current().rows);
}

export const undoRemoval = (): void => changeRows(current().removed!);

let waiting: ReturnType<typeof setTimeout> | undefined;
let checks = 0;

function scheduleCheck(): void {
  checks++; // what is under way is of other rows
  update({ check: { ...current().check, isRunning: true } });
  clearTimeout(waiting);
  waiting = setTimeout(() => void checkRows(), 300);
}

const SHOWN = 3;
const UNKNOWN_LENGTH = 1024; // tokens a row is looked at, where nothing says how long it may be

async function checkRows(): Promise<void> {
  const { rows: all, settings, model, check } = current();
  const { rows } = usedRows(all);
  const mine = ++checks;
  if (rows.length === 0 || !model.info) return update({ check: { isRunning: false } });
  update({ check: { ...check, isRunning: true } });
  const most = Math.min(UNKNOWN_LENGTH, model.info.maxPositions ?? UNKNOWN_LENGTH);
  const sized = { ...settings, maxLength: settings.maxLength ?? most };
  const recipe = recipeOf(sized, advise({ rows, isDemo: model.isDemo }), rows);
  try {
    const input = { recipe, rows, columns: columnsOf(settings), shown: SHOWN };
    const result = await client.call("check", input);
    if (mine === checks) update({ check: { isRunning: false, result } });
  } catch (error) {
    if (mine === checks) update({ check: { isRunning: false, failure: failureOf(error) } });
  }
}

// Settings

export function changeSettings(change: Partial<Settings>): void {
  update({ settings: { ...current().settings, ...change } });
  keep();
  scheduleCheck();
}

// The run

export async function tune(): Promise<void> {
  const { settings, rows: all, model } = current();
  const { rows } = usedRows(all);
  const recipe = recipeOf(settings, adviceFor(current()), rows);
  const input: RunStart = {
    ...{ recipe, rows, columns: columnsOf(settings), device: settings.device, model: model.info!.name },
  };
  update({ isBack: false, run: { ...NO_RUN, input, status: "preparing" } });
  await forgetRun({ adapter: false });
  await keepRun(input);
  await run(input, false);
}

/** From where the run was saved. */
export async function goOn(): Promise<void> {
  const { run: stopped, hasWebgpu } = current();
  update({ isBack: false, run: { ...stopped, status: "preparing", failure: undefined } });
  const { device, ...input } = stopped.input!;
  await run({ ...input, device: hasWebgpu ? device : "wasm" }, true);
}

/** The newest one, where nothing else keeps it. */
let heldCheckpoint: Uint8Array | undefined;

async function run(input: RunStart, goOn: boolean): Promise<void> {
  const checkpoint = goOn ? heldCheckpoint : undefined;
  heldCheckpoint = checkpoint;
  const awake = await navigator.wakeLock?.request("screen").catch(() => undefined);
  try {
    const end = await client.call("tune", { ...input, goOn, keeps: isKeeping(), checkpoint }, takeEvent);
    const status = end.reason === "stopped" ? "stopped" : "done";
    updateRun({ status, step: end.step, saved: end.step, secondsLeft: undefined });
    update({ adapter: end.files, ask: { text: current().ask.text, isRunning: false } });
    await keepAdapter(end.files);
    await keepProgress();
  } catch (error) {
    updateRun({ status: "failed", failure: failureOf(error), secondsLeft: undefined });
    renewAfter(error);
  } finally {
    await awake?.release();
  }
}

const takeEvent: Tell<"tune"> = (event) => {
  const { run } = current();
  const add = ({ steps, values }: typeof run.loss, step: number, value: number) => ({
    steps: [...steps, step],
    values: [...values, value],
  });
  if (event.type === "start") {
    const { step, totalSteps, trainedParameters } = event;
    const before = ({ steps, values }: typeof run.loss) => {
      const count = steps.filter((one) => one <= step).length;
      return { steps: steps.slice(0, count), values: values.slice(0, count) };
    };
    updateRun({
      ...{ loss: before(run.loss), heldOut: before(run.heldOut) },
      ...(run.status === "preparing" && { status: "running" }),
      step,
      totalSteps,
      trainedParameters,
    });
    void keepProgress();
  }
  if (event.type === "step") {
    const { step, totalSteps, tokensPerSecond, secondsLeft } = event;
    updateRun({ step, totalSteps, tokensPerSecond, secondsLeft, loss: add(run.loss, step, event.loss) });
  }
  if (event.type === "evaluation") updateRun({ heldOut: add(run.heldOut, event.step, event.evalLoss) });
  if (event.type === "unkept") {
    heldCheckpoint = event.checkpoint;
    if (isKeeping()) update({ keeping: "full" });
  }
  if (event.type === "checkpoint") {
    if (event.path) heldCheckpoint = undefined;
    updateRun({ saved: event.step });
    void keepProgress();
  }
};

/** A runtime that failed may be unusable from then on. */
function renewAfter(error: unknown): void {
  const { code = "runtime." } = failureOf(error);
  if (code.startsWith("runtime.")) client.renew();
}

export async function stop(): Promise<void> {
  if (current().run.status === "running") updateRun({ status: "stopping" });
  await client.call("stop", undefined);
}

/** Forgets a run of an earlier visit. Rows and settings stay. */
export async function startAnew(): Promise<void> {
  update({ isBack: false, run: NO_RUN, adapter: undefined });
  await forgetRun({ adapter: true });
}

// Questions

export async function ask(text: string): Promise<void> {
  const { settings } = current();
  update({ ask: { text, isRunning: true } });
  try {
    const answers = await client.call("ask", { text, device: settings.device }, ({ who, piece }) => {
      const { ask } = current();
      update({ ask: { ...ask, [who]: (ask[who] ?? "") + piece } });
    });
    update({ ask: { text, isRunning: false, ...answers } });
  } catch (error) {
    update({ ask: { text, isRunning: false, failure: failureOf(error) } });
    renewAfter(error);
  }
}
