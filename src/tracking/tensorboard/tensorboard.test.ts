import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { goldenPath } from "../../testing/goldens.ts";
import type { StepEvent } from "../../training/events.ts";
import { restartEvent, scalarsEvent, textEvent, versionEvent } from "./event.ts";
import { openTensorboard } from "./tensorboard.ts";
import { crc32c, tfRecord } from "./tf_record.ts";

const at = temporaryDirectory();

type GoldenEvent =
  | ["version" | "restart", number, null]
  | ["text", number, [string, string]]
  | ["scalars", number, Record<string, number>];
const golden: { wallTime: number; files: Record<string, GoldenEvent[]> } = JSON.parse(
  readFileSync(goldenPath("tensorboard/case.json"), "utf8"),
);

function encoded([kind, step, content]: GoldenEvent): Uint8Array {
  const time = { wallTime: golden.wallTime + step, step };
  if (kind === "version") return versionEvent(golden.wallTime);
  if (kind === "restart") return restartEvent(time);
  if (kind === "text") return textEvent(time, ...(content as [string, string]));
  return scalarsEvent(time, Object.entries(content as Record<string, number>));
}

test.each(Object.keys(golden.files))("%s has the bytes that TensorBoard's own writer writes", (name) => {
  const ours = Buffer.concat(golden.files[name]!.map((event) => tfRecord(encoded(event))));
  expect(ours.equals(readFileSync(goldenPath(`tensorboard/${name}`)))).toBe(true);
});

test.each([
  ["123456789", 0xe3069283], // RFC 3720's check value
  ["", 0],
])("crc32c of %j", (text, crc) => {
  expect(crc32c(new TextEncoder().encode(text))).toBe(crc);
});

/** Types and payloads of a file's records, whose checksums the golden bytes hold. */
function records(file: string): Buffer[] {
  const bytes = readFileSync(file);
  const payloads: Buffer[] = [];
  for (let i = 0; i < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(i));
    payloads.push(bytes.subarray(i + 12, i + 12 + length));
    i += length + 16;
  }
  return payloads;
}

describe("a run's event files", () => {
  const step = (step: number) =>
    ({ type: "step", step, loss: 1 / step, metrics: { "rewards/margins": 2 } }) as unknown as StepEvent;
  const files = () => readdirSync(at("tensorboard")).sort();

  test("begin with the settings; those of a later start with what to forget, and come behind", async () => {
    const run = { path: at(), settings: [["data.0.path", "a|b`c\nd"]] as const };
    const first = await openTensorboard({ ...run, step: 0 });
    await first.see(step(1));
    await first.see(step(2));
    await (await openTensorboard({ ...run, step: 1 })).see(step(2)); // within the same second
    const [one, two] = files();
    expect(files()).toHaveLength(2);
    expect(one).toMatch(/^events\.out\.tfevents\.\d{10}\.[\w-]+\.\d+\.0$/);
    const [version, settings, ...steps] = records(join(at("tensorboard"), one!));
    expect(version!.toString("latin1")).toContain("brain.Event:2");
    expect(settings!.toString()).toContain("| `data.0.path` | `a'b'c d` |");
    expect(steps).toHaveLength(2);
    expect(steps[0]!.toString()).toContain("train/rewards/margins");
    const [, restart] = records(join(at("tensorboard"), two!));
    expect([...restart!.subarray(9)]).toEqual([0x10, 2, 0x3a, 2, 8, 1]); // step 2, session_log { status: START }
  });

  test("of a start that goes on from nothing forget all", async () => {
    await openTensorboard({ path: at(), settings: [], step: 0 });
    await openTensorboard({ path: at(), settings: [], step: 0 });
    const [, restart] = records(join(at("tensorboard"), files()[1]!));
    expect([...restart!.subarray(9)]).toEqual([0x3a, 2, 8, 1]);
  });
});
