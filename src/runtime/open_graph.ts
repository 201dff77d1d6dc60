import { lower } from "../graph/onnx/lower.ts";
import { deviceParts } from "../graph/passes/device_part.ts";
import { type HalfGraph, inHalf } from "../graph/passes/in_half.ts";
import { lengthInput, ofLength } from "../graph/passes/of_length.ts";
import { input } from "../graph/sources.ts";
import { apply, type Tensor } from "../graph/tensor.ts";
import { reachable } from "../graph/walk.ts";
import { AttuneError } from "../text/errors.ts";
import { shareWeights } from "./device_weights.ts";
import {
  type DeviceTensor,
  keepsTensors,
  type OpenSession,
  type Session,
  type SessionOptions,
} from "./session.ts";

type Feeds = Parameters<Session["run"]>[0];

/**
 * Compiles `outputs`, by name, for a device. Where tensors stay there, frozen weights are placed once, whatever graphs
 * read them, and what a GPU can't compute well is worked out on the host.
 */
export async function openGraph(
  open: OpenSession,
  outputs: Readonly<Record<string, Tensor>>,
  options: SessionOptions,
): Promise<Session> {
  const typed = options.half ? inHalf(outputs) : { graph: outputs, halved: new Set<Tensor>() };
  if (!keepsTensors(options.device)) return open(lower(typed.graph), options);
  const lengthOf = lengthInput(outputs);
  if (lengthOf === undefined) return openOnDevice(open, typed, options);
  return openByLength(open, typed, lengthOf, options);
}

/** A row's least length: what is opened first, so that a model that can't be computed is refused before its first row. */
const SHORT = 64;
/** Lengths that sessions are kept for, where their outputs don't live on. */
const MOST_LENGTHS = 16;

/** One session for each length of rows, opened when it comes. They share their weights. */
async function openByLength(
  open: OpenSession,
  { graph, halved }: HalfGraph,
  lengthOf: string,
  options: SessionOptions,
): Promise<Session> {
  const openFor = (length: number) => openOnDevice(open, { graph: ofLength(graph, length), halved }, options);
  const first = await openFor(SHORT);
  const sessions = new Map([[SHORT, first]]);
  const forLength = async (length: number): Promise<Session> => {
    const session = sessions.get(length) ?? (await openFor(length));
    sessions.delete(length);
    sessions.set(length, session);
    const [oldest] = [...sessions].filter(([, one]) => one !== first && one !== session);
    if (oldest && sessions.size > MOST_LENGTHS && !options.kept?.length) {
      sessions.delete(oldest[0]);
      await oldest[1].release();
    }
    return session;
  };
  return {
    ...first,
    run: async (feeds, into) => (await forLength(feeds[lengthOf]!.shape[0]!)).run(feeds, into),
    async release() {
      for (const session of sessions.values()) await session.release();
    },
  };
}

async function openOnDevice(
  open: OpenSession,
  { graph, halved }: HalfGraph,
  options: SessionOptions,
): Promise<Session> {
  const { device, host, weights } = deviceParts(graph, halved);
  const model = lower(device, "gpu");
  const shared = await shareWeights(open, weights, options);
  const session = await open(model, options).catch(async (error) => {
    await shared.release();
    throw isLeftToCpu(error) ? notOnDevice(await leftToCpu(open, device, options), options) : error;
  });
  const helper = await openHelper(open, host, options);
  const taken = (feeds: Feeds, known: ReadonlyMap<string, unknown>): Record<string, DeviceTensor> =>
    Object.fromEntries(Object.entries(feeds).filter(([name]) => known.has(name)));
  return {
    ...session,
    async run(feeds, into) {
      const worked = helper && (await helper.session.run(taken(feeds, helper.inputs)));
      return session.run({ ...taken(feeds, model.inputs), ...shared.placed, ...worked }, into);
    },
    async release() {
      await helper?.session.release();
      await session.release();
      await shared.release();
    },
  };
}

async function openHelper(open: OpenSession, host: Record<string, Tensor>, { threads }: SessionOptions) {
  if (Object.keys(host).length === 0) return undefined;
  const model = lower(host);
  return { session: await open(model, { device: "cpu", threads }), inputs: model.inputs };
}

const isLeftToCpu = (error: unknown) =>
  error instanceof AttuneError && error.code === "runtime.op-not-on-device";

/** The ops of a graph that the device has no kernel for, each with the types of its inputs. */
async function leftToCpu(
  open: OpenSession,
  outputs: Record<string, Tensor>,
  options: SessionOptions,
): Promise<string[]> {
  const kinds = new Map<string, Tensor>();
  for (const t of reachable(Object.values(outputs))) {
    const types = t.inputs.map(({ dtype, shape }) => `${dtype} of ${shape.length} axes`);
    if (types.length > 0) kinds.set(`${t.op.name} (${types.join(", ")})`, t);
  }
  const missing: string[] = [];
  for (const [name, { op, inputs, attributes }] of kinds) {
    if (op.unrolledOnGpu) continue; // made of others, and of values of another op
    const fed = inputs.map(({ dtype, shape }, i) => input(`x${i}`, shape, dtype));
    const alone = lower({ y: apply(op, fed, attributes) }, "gpu");
    const session = await open(alone, options).catch(
      (error) => void (isLeftToCpu(error) && missing.push(name)),
    );
    await session?.release();
  }
  return missing;
}

const notOnDevice = (ops: readonly string[], { device }: SessionOptions) =>
  new AttuneError({
    code: "runtime.op-not-on-device",
    place: `device ${device}`,
    problem: `it has no kernel for ${ops.length > 0 ? ops.join(", ") : "an op of this model"}`,
    wayOut: "Use device: cpu",
  });
