// The thread an ONNX Runtime session lives in: `session.run` blocks its event loop, so that the caller's stays free.
// Plain JavaScript, because Node 20 starts workers from JavaScript only.
import { parentPort, workerData } from "node:worker_threads";
import { env, InferenceSession, listSupportedBackends, Tensor } from "onnxruntime-node";

const { model, options } = workerData;
const session = await open().catch((error) => error);
const failed = session instanceof Error;
const about = { version: env.versions.node, devices: listSupportedBackends().map(({ name }) => name) };
parentPort.postMessage(failed ? { error: session.message, about } : { about });

/** The runtime drops a provider that it was built without, warns on the console and runs on the CPU: that is refused. */
async function open() {
  if (!model) throw new Error("there is no model");
  const built = listSupportedBackends().map(({ name }) => name);
  const [device] = options.executionProviders;
  if (!built.includes(device))
    throw new Error(`the runtime was built without that provider, with ${built.join(", ")}`);
  return InferenceSession.create(model, options);
}

/** A view as long as its shape: the buffer behind it may be longer. */
function tensor({ type, shape, data }) {
  const size = shape.reduce((n, d) => n * d, 1);
  return new Tensor(type, data.length === size ? data : data.subarray(0, size), shape);
}

const each = (entries, f) =>
  Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, f(entry)]));

async function run({ feeds, into, fetch }) {
  const written = each(into, tensor);
  const fetches = Object.fromEntries(fetch.map((name) => [name, written[name] ?? null]));
  const results = await session.run(each(feeds, tensor), fetches);
  const fresh = fetch.filter((name) => !(name in into));
  return Object.fromEntries(
    fresh.map((name) => [
      name,
      { type: results[name].type, shape: results[name].dims, data: results[name].data },
    ]),
  );
}

parentPort.on("message", async (message) => {
  if (message.release) {
    if (!failed) {
      if (options.enableProfiling) session.endProfiling();
      await session.release();
    }
    parentPort.postMessage({ released: true });
    parentPort.close();
    return;
  }
  const reply = await run(message).then(
    (results) => ({ results }),
    (error) => ({ error: error.message }),
  );
  const lent = { feeds: message.feeds, into: message.into };
  parentPort.postMessage({ ...reply, lent }, buffersOf(lent.feeds, lent.into, reply.results ?? {}));
});

function buffersOf(...groups) {
  return [...new Set(groups.flatMap((group) => Object.values(group).map(({ data }) => data.buffer)))];
}
