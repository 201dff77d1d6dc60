import { lower } from "../graph/onnx/lower.ts";
import type { FrozenWeight } from "../graph/passes/device_part.ts";
import { input } from "../graph/sources.ts";
import { sizeOf, type Tensor } from "../graph/tensor.ts";
import type { DeviceTensor, OpenSession, Session, SessionOptions, TensorData } from "./session.ts";
import { turns } from "./turns.ts";

/** Frozen weights on a device, by the names that a graph reads them by. */
export interface SharedWeights {
  readonly placed: Readonly<Record<string, DeviceTensor>>;
  /** Frees those that no other graph reads. */
  release(): Promise<void>;
}

type Weights = ReadonlyMap<string, FrozenWeight>;

/** What lies on one device in one type: weights by their source, and how many graphs read each. */
interface Store {
  inTurn: ReturnType<typeof turns>;
  held: Map<Tensor, { tensor: DeviceTensor; readers: number }>;
  /** Owns what is placed; open as long as something is. */
  keeper?: Session<DeviceTensor>;
}

const stores = new WeakMap<OpenSession, Map<string, Store>>();

/** Places the weights that no graph has placed yet, a part of them at a time: the host holds no more than that. */
export async function shareWeights(
  open: OpenSession,
  weights: Weights,
  options: SessionOptions,
): Promise<SharedWeights> {
  const store = storeOf(open, options);
  const placed: Record<string, DeviceTensor> = {};
  const release = async () => {
    for (const name of Object.keys(placed)) await giveUp(store, weights.get(name)!.stored);
    if (store.held.size > 0) return;
    await store.keeper?.release();
    store.keeper = undefined;
  };
  const take = async () => {
    for (const part of partsOf(weights)) {
      await placeMissing(store, part, open, options);
      for (const [name, { stored }] of part) {
        const held = store.held.get(stored)!;
        held.readers++;
        placed[name] = held.tensor;
      }
    }
  };
  await store.inTurn(() =>
    take().catch(async (error) => {
      await release();
      throw error;
    }),
  );
  return { placed, release: () => store.inTurn(release) };
}

function storeOf(open: OpenSession, { device, half }: SessionOptions): Store {
  const ofOpen = stores.get(open) ?? new Map<string, Store>();
  stores.set(open, ofOpen);
  const key = half ? `${device} in float16` : device;
  const store = ofOpen.get(key) ?? { inTurn: turns(), held: new Map() };
  ofOpen.set(key, store);
  return store;
}

async function giveUp({ held, keeper }: Store, stored: Tensor): Promise<void> {
  const known = held.get(stored)!;
  known.readers--;
  if (known.readers > 0) return;
  held.delete(stored);
  await keeper!.free(known.tensor);
}

/** Most bytes the host widens at once, unless a single weight has more. */
const PART = 2 ** 27;

function partsOf(weights: Weights): [string, FrozenWeight][][] {
  const parts: [string, FrozenWeight][][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const entry of weights) {
    const bytes = 4 * sizeOf(entry[1].widened.shape);
    if (size + bytes > PART) {
      parts.push([]);
      size = 0;
    }
    parts.at(-1)!.push(entry);
    size += bytes;
  }
  return parts;
}

async function placeMissing(
  store: Store,
  part: readonly [string, FrozenWeight][],
  open: OpenSession,
  options: SessionOptions,
): Promise<void> {
  const missing = part.filter(([, { stored }]) => !store.held.has(stored));
  if (missing.length === 0) return;
  store.keeper ??= await openKeeper(open, options);
  const values = await widen(open, missing, options);
  for (const [name, { stored }] of missing)
    store.held.set(stored, { tensor: await store.keeper.place(values[name]!), readers: 0 });
}

/** A session that computes nothing: its device is what counts. */
const openKeeper = (open: OpenSession, { device }: SessionOptions) =>
  open(lower({ copy: input("value", ["N"]) }), { device, kept: ["copy"] });

/** The values of weights, read from their files by a session on the host. */
async function widen(
  open: OpenSession,
  weights: readonly [string, FrozenWeight][],
  { threads }: SessionOptions,
): Promise<Record<string, TensorData>> {
  const outputs = Object.fromEntries(weights.map(([, { widened }], i) => [`value ${i}`, widened]));
  const session = await open(lower(outputs), { device: "cpu", threads });
  const values = await session.run({}).finally(() => session.release());
  return Object.fromEntries(weights.map(([name], i) => [name, values[`value ${i}`]!]));
}
