import { appendFile, mkdir, readdir } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { diskError } from "../../files/disk_error.ts";
import { figuresOf } from "../figures.ts";
import type { TrackedRun, Tracker } from "../tracker.ts";
import { restartEvent, scalarsEvent, textEvent, versionEvent } from "./event.ts";
import { tfRecord } from "./tf_record.ts";

/** Writes event files into the run's `tensorboard/`, one for each start; `tensorboard --logdir` shows them. */
export async function openTensorboard({ path, step, settings }: TrackedRun): Promise<Tracker> {
  const directory = join(path, "tensorboard");
  const now = () => Date.now() / 1000;
  const { file, isFirst } = await newFile(directory);
  const write = async (...events: Uint8Array[]) => {
    try {
      await appendFile(file, Buffer.concat(events.map(tfRecord)));
    } catch (error) {
      throw diskError(error, "write", file);
    }
  };
  const wallTime = now();
  const first = isFirst
    ? textEvent({ wallTime, step: 0 }, "settings", settingsTable(settings))
    : restartEvent({ wallTime, step: step === 0 ? 0 : step + 1 }); // what lies behind a checkpoint comes again
  await write(versionEvent(wallTime), first);
  return {
    async see(event) {
      if (event.type !== "step" && event.type !== "evaluation") return;
      await write(scalarsEvent({ wallTime: now(), step: event.step }, figuresOf(event)));
    },
    async fail() {},
  };
}

/** TensorBoard reads files in the order of their names, which begin with a time. */
async function newFile(directory: string): Promise<{ file: string; isFirst: boolean }> {
  try {
    await mkdir(directory, { recursive: true });
    const times = (await readdir(directory)).flatMap((name) => {
      const [, seconds] = /^events\.out\.tfevents\.(\d{10})\./.exec(name) ?? [];
      return seconds ? [Number(seconds)] : [];
    });
    const time = Math.max(Math.floor(Date.now() / 1000), ...times.map((seconds) => seconds + 1));
    const host = hostname().replace(/[^\w-]/g, "_");
    const name = `events.out.tfevents.${String(time).padStart(10, "0")}.${host}.${process.pid}.0`;
    return { file: join(directory, name), isFirst: times.length === 0 };
  } catch (error) {
    throw diskError(error, "write", directory);
  }
}

/** Markdown, as the plugin shows it; values are code, so that nothing in them is markup. */
function settingsTable(settings: TrackedRun["settings"]): string {
  const cell = (text: string) => `\`${text.replace(/[`|]/g, "'").replace(/\s+/g, " ")}\``;
  return [
    "| key | value |",
    "| --- | --- |",
    ...settings.map(([key, value]) => `| ${cell(key)} | ${cell(value)} |`),
  ].join("\n");
}
