import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { expect, test } from "vitest";
import type { Device, MemoryRecipe } from "./browser.ts";
import { GZIP_FILES } from "./data/files/testing/gzip_files.ts";
import { temporaryDirectory } from "./files/testing/temporary_directory.ts";
import { loadModel } from "./generation/load_model.ts";
import { runToEnd } from "./run/testing/runs.ts";
import { chromiumMissing, runInChromium } from "./testing/chromium.ts";
import { goldenPath } from "./testing/goldens.ts";
import type { StepEvent } from "./training/events.ts";

const at = temporaryDirectory();
const MODEL = goldenPath("models/llama-gqa");
const rows: object[] = JSON.parse(readFileSync(goldenPath("data/alpaca.json"), "utf8"));
const recipe: Omit<MemoryRecipe, "data"> = {
  adapter: { type: "lora", targetModules: ["q_proj", "v_proj"], dropout: 0.1 },
  training: { maxSteps: 10, batchSize: 4, maxLength: 64, learningRate: 2e-3 },
};
const withSteps = (maxSteps: number) => ({ ...recipe, training: { ...recipe.training, maxSteps } });
const TOKENS = [5, 6, 7, 8];

test("attune/browser bundles for browsers without a stub: it imports ONNX Runtime Web, and nothing of Node's", async () => {
  const { metafile } = await build({
    entryPoints: [fileURLToPath(new URL("browser.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    platform: "browser",
    external: ["onnxruntime-web", "node:*"], // what is left out of the bundle is listed below
    metafile: true,
    write: false,
  });
  const left = Object.values(metafile.inputs).flatMap(({ imports }) =>
    imports.filter(({ external }) => external),
  );
  expect([...new Set(left.map(({ path }) => path))].sort()).toEqual([
    "onnxruntime-web/wasm",
    "onnxruntime-web/webgpu",
  ]);
  const globals = Object.keys(metafile.inputs)
    .filter((path) => path.startsWith("src/"))
    .filter((path) => /\b(Buffer|process|require)\b\s*[.(]/.test(code(path)));
  expect(globals).toEqual([]);
});

/** Without comments. */
const code = (path: string) => readFileSync(path, "utf8").replace(/\/\*.*?\*\/|\/\/[^\n]*/gs, "");

/** Serves a model's files to the page, at /model/. */
const PAGE = `
  const texts = ${JSON.stringify(
    Object.fromEntries(
      readdirSync(MODEL).map((name) => [name, readFileSync(join(MODEL, name)).toString("base64")]),
    ),
  )};
  const decode = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const files = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, decode(text)]));
  const realFetch = globalThis.fetch;
  globalThis.fetch = (url, init) => {
    const name = String(url).split("/model/")[1];
    return name === undefined ? realFetch(url, init) : Promise.resolve(new Response(files[name]));
  };
  const rows = ${JSON.stringify(rows)};`;

/** Trains in the page, then loads what was trained, on each of the devices. */
const trainsOn = (device: Device, maxSteps: number, loadedOn: readonly Device[]) => `
  import { loadModel, openBase, train } from "./src/browser.ts";
  ${PAGE}
  async function* oneByOne() { yield* rows; }

  async function run() {
    const base = await openBase({ ...files, "model.safetensors": new Blob([files["model.safetensors"]]) });
    const recipe = { data: [{ rows: oneByOne() }], ...${JSON.stringify(withSteps(maxSteps))} };
    const losses = [];
    let result;
    for await (const event of train(base, recipe, { threads: 1, device: "${device}" })) {
      if (event.type === "step") losses.push(event.loss);
      if (event.type === "end") result = event.files;
    }
    const logits = {};
    for (const device of ${JSON.stringify(loadedOn)}) {
      const loaded = await loadModel(base, { adapters: { mine: result }, threads: 1, device });
      logits[device] = Array.from(await loaded.logits(${JSON.stringify(TOKENS)}));
      await loaded.release();
    }
    return { losses, logits, files: Object.keys(result) };
  }`;

const where = chromiumMissing ? `in Chromium (skipped: ${chromiumMissing})` : "in Chromium";

/** Losses of Node's run of so many steps, whose adapter is at `run/adapter`. */
async function lossesInNode(run: string, steps: number): Promise<number[]> {
  const events = await runToEnd({ ...withSteps(steps), model: MODEL, data: [{ rows }], output: at(run) });
  return events.filter((event): event is StepEvent => event.type === "step").map(({ loss }) => loss);
}

/** The greatest relative difference. */
const apart = (own: readonly number[], expected: readonly number[]) =>
  Math.max(...own.map((value, i) => Math.abs(value / expected[i]! - 1)));

test.skipIf(chromiumMissing)(
  `${where}: steps on WASM have Node's losses, and the adapter its logits, on WASM and on WebGPU`,
  { timeout: 180_000 },
  async () => {
    const page = (await runInChromium(trainsOn("wasm", 10, ["wasm", "webgpu"]), 150_000)) as {
      losses: number[];
      logits: Record<string, number[]>;
      files: string[];
    };
    expect(page.losses).toHaveLength(10);
    expect(apart(page.losses, await lossesInNode("run", 10))).toBeLessThan(1e-6); // measured: 7e-8
    expect(page.files.sort()).toEqual(["adapter_config.json", "adapter_model.safetensors"]);
    const loaded = await loadModel(MODEL, { adapters: at("run/adapter") });
    const logits = await loaded.logits(TOKENS);
    await loaded.release();
    expect(Object.keys(page.logits)).toEqual(["wasm", "webgpu"]);
    for (const own of Object.values(page.logits))
      expect(Math.max(...own.map((value, i) => Math.abs(value - logits[i]!)))).toBeLessThan(1e-4);
  },
);

/** The driver takes the GPU away once two steps are kept; the run goes on from there on the processor. */
const LOST = `
  import { openBase, train } from "./src/browser.ts";
  ${PAGE}

  async function run() {
    const devices = [];
    const { requestDevice } = GPUAdapter.prototype;
    GPUAdapter.prototype.requestDevice = async function (...args) {
      const device = await requestDevice.apply(this, args);
      devices.push(device);
      return device;
    };
    const base = await openBase(files);
    const { training, ...rest } = ${JSON.stringify(withSteps(3))};
    const recipe = { ...rest, data: [{ rows }], training: { ...training, saveEvery: 2 } };
    const losses = [];
    let checkpoint, failure;
    const saveCheckpoint = async (bytes) => { checkpoint = bytes; return "held"; };
    try {
      for await (const { type, loss } of train(base, recipe, { device: "webgpu", saveCheckpoint })) {
        if (type === "step") losses.push(loss);
        if (type === "checkpoint") for (const device of devices) device.destroy();
      }
    } catch ({ code, message }) { failure = { code, message }; }
    for await (const { type, loss } of train(base, recipe, { threads: 1, checkpoint }))
      if (type === "step") losses.push(loss);
    return { failure, losses };
  }`;

test.skipIf(chromiumMissing)(
  `${where}: steps on WebGPU have Node's losses; a device that is lost leaves what was kept, which goes on on WASM`,
  { timeout: 180_000 },
  async () => {
    const { failure, losses } = (await runInChromium(LOST, 150_000)) as {
      failure: { code: string; message: string };
      losses: number[];
    };
    expect(failure.code).toBe("runtime.device-lost");
    expect(failure.message).toMatch(
      /^step 3: the device was lost.*The run is kept as of step 2, and goes on from there/s,
    );
    expect(losses).toHaveLength(3);
    expect(apart(losses, await lossesInNode("lost", 3))).toBeLessThan(1e-5);
  },
);

/** What the model says of four tokens, opened from its files as a page may have them. */
const GIVEN = `
  import { loadModel, openBase, readAdapter, readRows, train } from "./src/browser.ts";
  ${PAGE}

  async function write(folder, files) {
    for (const [name, content] of Object.entries(files)) {
      const writable = await (await folder.getFileHandle(name, { create: true })).createWritable();
      await writable.write(content);
      await writable.close();
    }
    return folder;
  }

  async function logitsOf(given, adapter) {
    const model = await loadModel(await openBase(given), { threads: 1, adapters: adapter && { mine: adapter } });
    const logits = Array.from(await model.logits(${JSON.stringify(TOKENS)}));
    await model.release();
    return logits;
  }

  async function run() {
    const root = await navigator.storage.getDirectory();
    const folder = await write(await root.getDirectoryHandle("model", { create: true }), files);
    const transfer = new DataTransfer();
    for (const name in files) transfer.items.add(new File([files[name]], name));
    const urls = Object.fromEntries(Object.keys(files).map((name) => [name, new URL("/model/" + name, location.href)]));
    const progress = [];
    const base = await openBase(urls, { onProgress: ({ file }) => progress.push(file) });
    const lines = new File([rows.map((row) => JSON.stringify(row)).join("\\n")], "rows.jsonl");
    const read = [];
    for await (const { value } of readRows(lines)) read.push(value);
    let adapter;
    for await (const event of train(base, { data: [{ rows: read }], ...${JSON.stringify(withSteps(1))} }, { threads: 1 }))
      if (event.type === "end") adapter = event.files;
    const kept = await write(await root.getDirectoryHandle("adapter", { create: true }), adapter);
    await readAdapter(kept);
    return {
      logits: [await logitsOf(files), await logitsOf(folder), await logitsOf(transfer.files), await logitsOf(urls)],
      tuned: [await logitsOf(files, adapter), await logitsOf(folder, kept)],
      wasFetched: Object.keys(files).every((name) => progress.includes(name)),
      rows: read,
    };
  }`;

test.skipIf(chromiumMissing)(
  `${where}: a model and an adapter from memory, the private file system, an input and addresses say the same`,
  { timeout: 120_000 },
  async () => {
    const given = (await runInChromium(GIVEN, 100_000)) as {
      logits: number[][];
      tuned: number[][];
      wasFetched: boolean;
      rows: object[];
    };
    const [inMemory, ...others] = given.logits;
    expect(others).toEqual([inMemory, inMemory, inMemory]);
    expect(given.tuned[1]).toEqual(given.tuned[0]);
    expect(given.tuned[0]).not.toEqual(inMemory);
    expect(given.wasFetched).toBe(true);
    expect(given.rows).toEqual(rows);
  },
);

/** A model whose embedding takes 3.75 GiB, of a Blob that holds them. */
const LARGE = `
  import { loadModel, openBase, train } from "./src/browser.ts";
  ${PAGE}

  async function run() {
    const length = Number(new DataView(files["model.safetensors"].buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(files["model.safetensors"].subarray(8, 8 + length)));
    const config = JSON.parse(new TextDecoder().decode(files["config.json"]));
    const vocab_size = (3.75 * 2 ** 30) / 4 / config.hidden_size;
    let end = 0;
    for (const [name, tensor] of Object.entries(header)) {
      if (name === "__metadata__") continue;
      if (name.includes("embed_tokens") || name.includes("lm_head")) tensor.shape[0] = vocab_size;
      const size = 4 * tensor.shape.reduce((n, d) => n * d, 1);
      tensor.data_offsets = [end, (end += size)];
    }
    const text = new TextEncoder().encode(JSON.stringify(header));
    const before = new Uint8Array(8);
    new DataView(before.buffer).setBigUint64(0, BigInt(text.length), true);
    const piece = new Blob([new Uint8Array(2 ** 20)]);
    const pieces = Array.from({ length: Math.floor(end / 2 ** 20) }, () => piece);
    const weights = new Blob([before, text, ...pieces, new Uint8Array(end % 2 ** 20)]);
    const base = await openBase({ ...files, "config.json": JSON.stringify({ ...config, vocab_size }), "model.safetensors": weights });
    const codeOf = (work) => work.then(() => "it ended well", ({ code, message }) => code + " " + message);
    const began = performance.now();
    const said = [
      await codeOf(train(base, { data: [{ rows }], adapter: { type: "lora" } }).next()),
      await codeOf(loadModel(base)),
    ];
    return { said, seconds: (performance.now() - began) / 1000 };
  }`;

test.skipIf(chromiumMissing)(
  `${where}: a model that WASM's memory can't hold is refused before its weights are read`,
  { timeout: 120_000 },
  async () => {
    const { said, seconds } = (await runInChromium(LARGE, 100_000)) as { said: string[]; seconds: number };
    for (const one of said)
      expect(one).toMatch(/^run\.too-large-for-wasm model: its weights take [\d.]+ GiB/);
    expect(seconds).toBeLessThan(1); // reading them takes longer
  },
);

test.skipIf(chromiumMissing)(`${where}: the guide's example runs`, { timeout: 180_000 }, async () => {
  const guide = readFileSync(fileURLToPath(new URL("../docs/guide.md", import.meta.url)), "utf8");
  const [, example] = /^## In the browser$.*?^```ts\n(.*?)^```$/ms.exec(guide)!;
  const [imports, ...rest] = example!.split(/(?<=from "attune\/browser";\n)/);
  const module = `${imports!.replace("attune/browser", "./src/browser.ts")}${PAGE}
    async function run() { ${rest.join("")}; return { text, files: Object.keys(adapter) }; }`;
  const { text, files } = (await runInChromium(module, 150_000)) as { text: string; files: string[] };
  expect(text.length).toBeGreaterThan(0);
  expect(files.sort()).toEqual(["adapter_config.json", "adapter_model.safetensors"]);
});

test.skipIf(chromiumMissing)(
  `${where}: gzip of one member and of several is read, and damage is said`,
  { timeout: 120_000 },
  async () => {
    const files = GZIP_FILES.map(({ bytes }) => bytes.toString("base64"));
    const module = `
      import { gunzipOnWeb } from "./src/data/files/gunzip_on_web.ts";
      const decode = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      const encode = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
      async function* inPieces(bytes, size) {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      }
      async function read(bytes, size) {
        const pieces = [];
        try {
          for await (const piece of gunzipOnWeb(inPieces(bytes, size))) pieces.push(...piece);
        } catch (error) { return error.code; }
        return encode(pieces);
      }
      async function run() {
        const all = [];
        for (const bytes of ${JSON.stringify(files)}.map(decode))
          all.push([await read(bytes, 1000), await read(bytes, 2 ** 18), await read(bytes.subarray(0, -3), 2 ** 18)]);
        return all;
      }`;
    const found = await runInChromium(module, 100_000);
    expect(found).toEqual(
      GZIP_FILES.map(({ content }) => {
        const text = content.toString("base64");
        return [text, text, "data.damaged-compression"];
      }),
    );
  },
);

test.skipIf(chromiumMissing)(
  `${where}: float16 is refused by name where the adapter has none`,
  { timeout: 120_000 },
  async () => {
    const module = trainsOn("webgpu", 1, []).replace(
      "const recipe = {",
      'const recipe = { compute: "float16",',
    );
    await expect(runInChromium(module, 100_000)).rejects.toThrow(
      /doesn't compute in float16 .*Leave compute out: float32 runs on every device/s,
    );
  },
);
