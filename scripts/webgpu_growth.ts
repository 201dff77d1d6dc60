import { sizeOf } from "../src/graph/tensor.ts";
import { openSession } from "../src/runtime/node.ts";
import {
  type DeviceTensor,
  isHost,
  type OpenSession,
  type Session,
  type SessionOptions,
  type TensorData,
} from "../src/runtime/session.ts";
import { deviceState } from "../src/training/device_state.ts";
import { openEngine } from "../src/training/engine.ts";
import { type GoldenRun, openGoldenRun } from "../src/training/testing/golden_run.ts";
import { openMalloc } from "./malloc.ts";

/** What a run holds after a step. */
interface Held {
  /** Tensors on the device that weren't freed, and their bytes. */
  tensors: number;
  deviceBytes: number;
  /** Resident memory of this process: a software driver's device memory is in it, and what malloc keeps of freed memory. */
  hostBytes: number;
  /** Of it, what was asked of malloc and not freed: nothing but a leak makes that grow. NaN where it can't be asked. */
  usedBytes: number;
}

const RUN = "training/llama-gqa-lora-all";
/**
 * Bytes a step. Of runs whose result is read the runtime keeps at most 1 kB each (2,000 to 5,000 runs of 1, 10 and 40 ops), as on the CPU
 * (0.6 kB). Of runs that nothing waits for it keeps about 1 kB an op: they are queued faster than SwiftShader computes them.
 */
const MOST_GROWTH = 50_000;
const MOST_USED = 10_000; // measured: 4,000

/**
 * Trains for `steps` steps on WebGPU, and prints what is held. Then the same sessions run as often on values of the same
 * shapes, without attune's loop: what is kept of that is the runtime's and its driver's. @returns whether the training grew
 */
export async function growsOnWebGpu(steps: number, cache: string): Promise<boolean> {
  const run = await openGoldenRun(RUN, cache);
  const { open, held, used } = counting(openSession);
  console.log("attune trains");
  const own = await growth(train(run, steps, open), held, steps);
  console.log("the runtime alone");
  const runtimes = await growth(alone([...used], steps), held, steps);
  for (const { session } of used) await session.release();
  say("attune trains", own, steps);
  say("the runtime alone", runtimes, steps);
  return own.deviceGrows || own.host > MOST_GROWTH || own.used > MOST_USED;
}

interface Growth {
  deviceGrows: boolean;
  /** Bytes a step. */
  host: number;
  used: number;
}

/** From the fifth tenth of the steps, when kernels and heaps have settled, to the last. */
async function growth(run: AsyncIterable<void>, held: () => Held, steps: number): Promise<Growth> {
  const tenth = steps / 10;
  const all: Held[] = [];
  for await (const _ of run) {
    all.push(held());
    if (all.length % tenth === 0) print(all.length, all.at(-1)!);
  }
  const [early, late] = [all.slice(4 * tenth, 5 * tenth), all.slice(-tenth)];
  const least = (some: Held[], of: (held: Held) => number) => Math.min(...some.map(of));
  const most = (some: Held[], of: (held: Held) => number) => Math.max(...some.map(of));
  const aStep = (of: (held: Held) => number) => (least(late, of) - least(early, of)) / (5 * tenth);
  return {
    deviceGrows: most(late, (h) => h.deviceBytes) > most(early, (h) => h.deviceBytes),
    host: aStep((h) => h.hostBytes),
    used: aStep((h) => h.usedBytes),
  };
}

const MB = (bytes: number, digits: number) => `${(bytes / 1e6).toFixed(digits)} MB`;
const KB = (bytes: number) => `${(bytes / 1e3).toFixed(1)} kB`;

const print = (step: number, { tensors, deviceBytes, hostBytes, usedBytes }: Held) =>
  console.log(
    `step ${step}: ${tensors} tensors on the device, ${MB(deviceBytes, 2)}; resident ${MB(hostBytes, 0)}, malloc's in use ${MB(usedBytes, 2)}`,
  );

const say = (what: string, { deviceGrows, host, used }: Growth, steps: number) =>
  console.log(
    `${what}: from steps ${0.4 * steps}–${0.5 * steps} to the last ${0.1 * steps}: device memory ${deviceGrows ? "grew" : "the same"}, ` +
      `a step ${KB(host)} more resident, ${KB(used)} more in use`,
  );

async function* train(
  { model, method, examples, settings }: GoldenRun,
  steps: number,
  open: OpenSession,
): AsyncGenerator<void> {
  const session: SessionOptions = { device: "webgpu" };
  const state = await deviceState(open, method.trainables, session);
  const engine = await openEngine(model, method, open, { rowLength: 128, session, state });
  for (let step = 1; step <= steps; step++) {
    const { gradients } = await engine.gradients([examples[step % examples.length]!]); // rows of several lengths
    await state.step(gradients, { ...settings, step });
    yield;
  }
}

/** A session, and what it was run with. */
interface Used {
  session: Session<DeviceTensor>;
  feeds: Readonly<Record<string, DeviceTensor>>;
  runs: number;
}

async function* alone(all: readonly Used[], steps: number): AsyncGenerator<void> {
  const some = all.filter(({ runs }) => runs > 0);
  const feeds: Record<string, DeviceTensor>[] = [];
  for (const one of some) feeds.push(await likeThose(one));
  const often = some.map(({ runs }) => Math.round(runs / steps));
  for (let step = 1; step <= steps; step++) {
    for (const [i, { session }] of some.entries())
      for (let n = 0; n < often[i]!; n++)
        for (const output of Object.values(await session.run(feeds[i]!))) await session.free(output);
    yield;
  }
}

/** What was fed, with zeros for what lay on the device: that was freed. */
async function likeThose({ session, feeds }: Used): Promise<Record<string, DeviceTensor>> {
  const own: Record<string, DeviceTensor> = {};
  for (const [name, tensor] of Object.entries(feeds)) own[name] = await copied(tensor, session);
  return own;
}

async function copied(tensor: DeviceTensor, session: Session<DeviceTensor>): Promise<DeviceTensor> {
  if (!isHost(tensor)) return session.place({ ...tensor, data: new Float32Array(sizeOf(tensor.shape)) });
  const own: TensorData = { ...tensor, data: tensor.data.slice() };
  return own;
}

/** Counts what lies on the device, and how often each session runs. */
function counting(open: OpenSession): { open: OpenSession; held(): Held; used: Set<Used> } {
  const alive = new Map<DeviceTensor, number>();
  const used = new Set<Used>();
  const malloc = openMalloc();
  const add = <T extends DeviceTensor>(tensor: T): T => {
    if (!isHost(tensor)) alive.set(tensor, 4 * sizeOf(tensor.shape));
    return tensor;
  };
  const counted = (session: Session<DeviceTensor>): Session<DeviceTensor> => {
    const own: Used = { session: undefined as never, feeds: {}, runs: 0 };
    own.session = {
      ...session,
      async run(feeds, into) {
        own.runs++;
        own.feeds = feeds;
        const outputs = await session.run(feeds, into);
        for (const tensor of Object.values(outputs)) add(tensor);
        return outputs;
      },
      place: async (tensor) => add(await session.place(tensor)),
      async free(tensor) {
        alive.delete(tensor);
        await session.free(tensor);
      },
    };
    used.add(own);
    return own.session;
  };
  return {
    open: async (model, options) => counted(await open(model, options)) as Session,
    used,
    held: () => ({
      tensors: alive.size,
      deviceBytes: [...alive.values()].reduce((sum, bytes) => sum + bytes, 0),
      hostBytes: process.memoryUsage.rss(),
      usedBytes: malloc.usedBytes(),
    }),
  };
}
