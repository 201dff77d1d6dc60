// The thread that ONNX Runtime sessions live in: `session.run` blocks its event loop, so that the caller's stays free.
// Plain JavaScript, because Node 20 starts workers from JavaScript only. The runtime's own tensors on a device can't leave
// the thread: they stay here under a number, their handle.
import { parentPort } from "node:worker_threads";
import { env, InferenceSession, listSupportedBackends, Tensor } from "onnxruntime-node";

/** By the caller's number: { session, options }. */
const sessions = new Map();
/** By handle: { value, owner }, the owner a session's number. */
const placed = new Map();
/** Sessions that copy a value to the device or back, by its type and rank. */
const copiers = new Map();
let handles = 0;

/** What is said of an output that is no tensor, when all are computed. */
const NO_TENSOR = "Non tensor type is temporarily not supported";

const backends = () => listSupportedBackends().map(({ name }) => name);

/** The runtime drops a provider that it was built without, warns on the console and runs on the CPU: that is refused. */
async function open({ id, model, options }) {
  const built = backends();
  const [device] = options.executionProviders;
  if (!built.includes(device))
    throw new Error(`the runtime was built without that provider, with ${built.join(", ")}`);
  sessions.set(id, { session: await InferenceSession.create(model, options), options });
}

/** A view as long as its shape: the buffer behind it may be longer. */
function tensor({ handle, type, shape, data }) {
  if (handle !== undefined) {
    if (!placed.has(handle)) throw new Error("a tensor that was freed is fed or read");
    return placed.get(handle).value;
  }
  const size = shape.reduce((n, d) => n * d, 1);
  return new Tensor(type, data.length === size ? data : data.subarray(0, size), shape);
}

const each = (entries, f) =>
  Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, f(entry)]));

/** An array where the value is the host's, else the handle it is known by from now on. */
function message(value, owner) {
  const about = { type: value.type, shape: value.dims };
  if (value.location === "cpu") return { ...about, data: value.data };
  placed.set(++handles, { value, owner });
  return { ...about, handle: handles };
}

/** `stop` is the output to stop at, where none is to be copied: all are in `into`. */
async function run({ id, feeds, into, fetch, stop }) {
  const written = each(into, tensor);
  const wanted = stop === undefined ? fetch : [stop, ...fetch];
  const fetches = Object.fromEntries(wanted.map((name) => [name, written[name] ?? null]));
  const { session, options } = sessions.get(id);
  const results = await session.run(each(feeds, tensor), fetches).catch((error) => {
    if (stop === undefined || !error.message.includes(NO_TENSOR)) throw error;
  });
  // A session that keeps values on the device binds each output anew, given or not.
  if (options.preferredOutputLocation)
    for (const [name, { data }] of Object.entries(written)) data.set(results[name].data);
  const fresh = fetch.filter((name) => !(name in into));
  return { results: Object.fromEntries(fresh.map((name) => [name, message(results[name], id)])) };
}

/** Copies `value` by a model whose output lies where it is wanted: `getData` of a device's tensor ends the process here. */
async function copy({ id, value, copier: { key, model, options } }) {
  if (!copiers.has(key)) copiers.set(key, await InferenceSession.create(model, options));
  const { copy: copied } = await copiers.get(key).run({ value: tensor(value) });
  return { results: { copy: message(copied, id) } };
}

function free({ handle }) {
  placed.get(handle)?.value.dispose();
  placed.delete(handle);
}

async function release({ id }) {
  const { session, options } = sessions.get(id);
  sessions.delete(id);
  if (options.enableProfiling) session.endProfiling();
  // Before the session: what frees them goes with it, and to dispose of one later may end the process.
  for (const [handle, { owner }] of placed) if (owner === id) free({ handle });
  await session.release();
  if (sessions.size > 0) return;
  for (const copier of copiers.values()) await copier.release();
  copiers.clear();
}

const about = () => ({ about: { version: env.versions.node, devices: backends() } });
const tasks = { open, run, copy, free, release, about };

parentPort.on("message", async ({ task, ...message }) => {
  const reply = await Promise.resolve(message)
    .then(tasks[task])
    .catch((error) => ({ error: error.message }));
  const lent = { feeds: message.feeds ?? {}, into: message.into ?? {} };
  parentPort.postMessage({ ...reply, lent }, buffersOf(lent.feeds, lent.into, reply?.results ?? {}));
});

function buffersOf(...groups) {
  const arrays = groups.flatMap((group) => Object.values(group)).filter(({ data }) => data);
  return [...new Set(arrays.map(({ data }) => data.buffer))];
}
