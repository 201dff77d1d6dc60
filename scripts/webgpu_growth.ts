import { openSession } from "../src/runtime/node.ts";
import {
  type DeviceTensor,
  isHost,
  type OpenSession,
  type Session,
  type SessionOptions,
} from "../src/runtime/session.ts";
import { deviceState } from "../src/training/device_state.ts";
import { openEngine } from "../src/training/engine.ts";
import { type GoldenRun, openGoldenRun } from "../src/training/testing/golden_run.ts";

/** What a run holds after a step. */
interface Held {
  /** Tensors on the device that weren't freed, and their bytes. */
  tensors: number;
  deviceBytes: number;
  /** Resident memory of this process: a software driver's device memory is in it. */
  hostBytes: number;
}

const RUN = "training/llama-gqa-lora-all";
/**
 * Bytes a step. Of runs whose result is read the runtime keeps at most 1 kB each (2,000 to 5,000 runs of 1, 10 and 40 ops), as on the CPU
 * (0.6 kB). Of runs that nothing waits for it keeps about 1 kB an op: they are queued faster than SwiftShader computes them.
 */
const MOST_GROWTH = 50_000;

/** Trains for `steps` steps on WebGPU, and prints what is held. @returns whether it grew */
export async function growsOnWebGpu(steps: number, cache: string): Promise<boolean> {
  const run = await openGoldenRun(RUN, cache);
  const all: Held[] = [];
  for await (const held of train(run, steps)) {
    all.push(held);
    if (all.length % (steps / 10) === 0) print(all.length, held);
  }
  const tenth = steps / 10;
  const [early, late] = [all.slice(4 * tenth, 5 * tenth), all.slice(-tenth)]; // kernels and heaps have settled by then
  const least = (some: Held[], of: (held: Held) => number) => Math.min(...some.map(of));
  const most = (some: Held[], of: (held: Held) => number) => Math.max(...some.map(of));
  const deviceGrows = most(late, (h) => h.deviceBytes) > most(early, (h) => h.deviceBytes);
  const host = (least(late, (h) => h.hostBytes) - least(early, (h) => h.hostBytes)) / (5 * tenth);
  console.log(
    `from steps ${4 * tenth}–${5 * tenth} to the last ${tenth}: device memory ${deviceGrows ? "grew" : "the same"}, ` +
      `resident memory ${(host / 1000).toFixed(1)} kB a step`,
  );
  return deviceGrows || host > MOST_GROWTH;
}

const print = (step: number, { tensors, deviceBytes, hostBytes }: Held) =>
  console.log(
    `step ${step}: ${tensors} tensors on the device, ${(deviceBytes / 1e6).toFixed(2)} MB; resident ${(hostBytes / 1e6).toFixed(0)} MB`,
  );

async function* train({ model, method, examples, settings }: GoldenRun, steps: number): AsyncGenerator<Held> {
  const session: SessionOptions = { device: "webgpu" };
  const { open, held } = counting(openSession);
  const state = await deviceState(open, method.trainables, session);
  const engine = await openEngine(model, method, open, { rowLength: 128, session, state });
  for (let step = 1; step <= steps; step++) {
    const { gradients } = await engine.gradients([examples[step % examples.length]!]); // rows of several lengths
    await state.step(gradients, { ...settings, step });
    yield held();
  }
  await engine.release();
  await state.release();
}

/** Counts what lies on the device. */
function counting(open: OpenSession): { open: OpenSession; held(): Held } {
  const alive = new Map<DeviceTensor, number>();
  const add = <T extends DeviceTensor>(tensor: T): T => {
    if (!isHost(tensor)) alive.set(tensor, 4 * tensor.shape.reduce((n, d) => n * d, 1));
    return tensor;
  };
  const counted = (session: Session<DeviceTensor>): Session<DeviceTensor> => ({
    ...session,
    async run(feeds, into) {
      const outputs = await session.run(feeds, into);
      for (const tensor of Object.values(outputs)) add(tensor);
      return outputs;
    },
    place: async (tensor) => add(await session.place(tensor)),
    async free(tensor) {
      alive.delete(tensor);
      await session.free(tensor);
    },
  });
  return {
    open: async (model, options) => counted(await open(model, options)) as Session,
    held: () => ({
      tensors: alive.size,
      deviceBytes: [...alive.values()].reduce((sum, bytes) => sum + bytes, 0),
      hostBytes: process.memoryUsage.rss(),
    }),
  };
}
