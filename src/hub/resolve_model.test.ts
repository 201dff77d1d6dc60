import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { HubOptions } from "./options.ts";
import type { HubProgress } from "./progress.ts";
import { resolveModel } from "./resolve_model.ts";
import { type Fault, type HubRepo, type HubServer, sha256, startHubServer } from "./testing/hub_server.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const TOKEN = "hf_secretsecretsecret";
const weights = randomBytes(300_000);
const files = {
  "config.json": '{"model_type":"llama"}',
  "generation_config.json": "{}",
  "tokenizer.json": "{}",
  "tokenizer_config.json": "{}",
  "README.md": "# Tiny",
  "model.safetensors": weights,
  "pytorch_model.bin": randomBytes(2000),
  "onnx/model.onnx": randomBytes(2000),
  "original/consolidated.00.pth": randomBytes(2000),
};
const tiny: HubRepo = { kind: "model", commit: COMMIT, files };

let server: HubServer;
let home: string;

beforeEach(async () => {
  server = await startHubServer({ "org/tiny": { ...tiny } });
  home = await mkdtemp(join(tmpdir(), "attune-hub-"));
});

afterEach(async () => {
  await server.close();
  await rm(home, { recursive: true });
});

const fast = { firstPause: 1, stall: 400, connections: 4, partSize: 64_000 };

function resolve(name: string, options: HubOptions = {}, env: Record<string, string> = {}): Promise<string> {
  const where = { HF_ENDPOINT: server.url, HF_HOME: home, HOME: home, HF_TOKEN: TOKEN };
  return resolveModel(name, { tuning: fast, ...options, env: { ...where, ...env } });
}

const blobs = () => join(home, "hub", "models--org--tiny", "blobs");
const partial = () => join(blobs(), `${sha256(weights)}.incomplete`);

/** The first `times` requests for the content of the weights meet with this. */
function faultOnWeights(fault: Fault, times = Number.POSITIVE_INFINITY): void {
  let met = 0;
  server.fault = ({ where, file }) => {
    return where === "cdn" && file === "model.safetensors" && met++ < times ? fault : undefined;
  };
}

describe("the cache", () => {
  test("has chat templates that lie in a folder of their own, and nothing else of folders", async () => {
    const folder = "additional_chat_templates";
    const more = { [`${folder}/tool_use.jinja`]: "tools", [`${folder}/a/b.jinja`]: "", "a/c.jinja": "" };
    server.repos["org/tiny"] = { ...tiny, files: { ...files, ...more } };
    const directory = await resolve("org/tiny");
    expect(await readdir(join(directory, folder))).toEqual(["tool_use.jinja"]);
    expect(await readFile(join(directory, folder, "tool_use.jinja"), "utf8")).toBe("tools");
    expect(await readdir(directory)).not.toContain("a");
  });

  test("has what a model needs, as huggingface_hub lays it out", async () => {
    const directory = await resolve("org/tiny");
    expect(directory).toBe(join(home, "hub", "models--org--tiny", "snapshots", COMMIT));
    const wanted = [
      "config.json",
      "generation_config.json",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
    ];
    expect((await readdir(directory)).sort()).toEqual(wanted);
    expect(await readlink(join(directory, "model.safetensors"))).toBe(`../../blobs/${sha256(weights)}`);
    expect(weights.equals(await readFile(join(directory, "model.safetensors")))).toBe(true);
    expect(await readFile(join(home, "hub", "models--org--tiny", "refs", "main"), "utf8")).toBe(COMMIT);
    expect((await readdir(blobs())).filter((name) => name.includes("incomplete"))).toEqual([]);
  });

  test("is asked before the network", async () => {
    await resolve("org/tiny");
    server.asked.length = 0;
    await resolve("org/tiny");
    expect(server.asked.filter(({ url }) => url.includes("/resolve/"))).toEqual([]);
  });

  test("keeps revisions apart and shares equal files", async () => {
    server.repos["org/tiny"]!.revisions = ["v1", "refs/pr/2"];
    await resolve("org/tiny@v1");
    const other = { ...files, "config.json": '{"model_type":"qwen2"}' };
    server.repos["org/tiny"] = { ...tiny, files: other, commit: "f".repeat(40), revisions: ["refs/pr/2"] };
    const directory = await resolve("org/tiny@refs/pr/2");
    expect(await readFile(join(directory, "config.json"), "utf8")).toContain("qwen2");
    expect(await readFile(join(home, "hub/models--org--tiny/refs/refs/pr/2"), "utf8")).toBe("f".repeat(40));
    expect(await readFile(join(home, "hub/models--org--tiny/refs/v1"), "utf8")).toBe(COMMIT);
    expect(
      server.asked.filter(({ where, file }) => where === "cdn" && file === "model.safetensors").length,
    ).toBe(5);
  });

  test("serves alone with HF_HUB_OFFLINE, and says what it lacks", async () => {
    const directory = await resolve("org/tiny");
    server.asked.length = 0;
    expect(await resolve("org/tiny", {}, { HF_HUB_OFFLINE: "1" })).toBe(directory);
    await expect(resolve("org/other", {}, { HF_HUB_OFFLINE: "1" })).rejects.toThrow(
      /org\/other: .*the cache .*doesn't have it: HF_HUB_OFFLINE/,
    );
    expect(server.asked).toEqual([]);
    await rm(join(blobs(), sha256(weights)));
    await expect(resolve("org/tiny", {}, { HF_HUB_OFFLINE: "1" })).rejects.toThrow(
      /org\/tiny: expected .*got no weights/,
    );
  });

  test("serves with a warning when the hub is out of reach", async () => {
    const directory = await resolve("org/tiny");
    const warnings: string[] = [];
    const env = { HF_ENDPOINT: "http://127.0.0.1:9009" };
    expect(await resolve("org/tiny", { onWarning: (text) => warnings.push(text) }, env)).toBe(directory);
    expect(warnings.join()).toMatch(/ECONNREFUSED.*Using what the cache has of org\/tiny/);
    await expect(resolve("org/new", {}, env)).rejects.toThrow(/org\/new: .*the cache .*doesn't have it/);
  });

  test("an unfinished download of sharded weights is named", async () => {
    const index = JSON.stringify({
      weight_map: { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" },
    });
    const { "model.safetensors": _, ...rest } = files;
    const sharded = {
      ...rest,
      "model.safetensors.index.json": index,
      "model-00001-of-00002.safetensors": weights,
    };
    server.repos["org/tiny"] = { ...tiny, files: sharded };
    await expect(resolve("org/tiny")).rejects.toThrow(
      /1 of 2 files of weights are missing .*model-00002-of-00002/,
    );
  });
});

describe("downloads", () => {
  test("a large file comes in parts, progress counts to the end", async () => {
    const seen: HubProgress[] = [];
    await resolve("org/tiny", { onProgress: (progress) => seen.push(progress) });
    const ranges = server.asked.filter(({ where }) => where === "cdn").map(({ headers }) => headers.range);
    expect(ranges.sort()).toEqual([
      "bytes=0-63999",
      "bytes=128000-191999",
      "bytes=192000-255999",
      "bytes=256000-299999",
      "bytes=64000-127999",
    ]);
    const last = seen.at(-1)!;
    expect(last.bytes).toBe(last.totalBytes);
    expect(last.files).toBe(5);
    expect(last.totalBytes).toBe(300_000 + 22 + 6);
  });

  test("goes on where the connection broke off", async () => {
    faultOnWeights({ cutAfter: 10_000 }, 3);
    const directory = await resolve("org/tiny");
    expect(weights.equals(await readFile(join(directory, "model.safetensors")))).toBe(true);
    const starts = server.asked.filter(({ where }) => where === "cdn").map(({ headers }) => headers.range!);
    expect(
      starts.some(
        (range) => /^bytes=\d+?[1-9]\d{0,4}-/.test(range) && !/=(0|64000|128000|192000|256000)-/.test(range),
      ),
    ).toBe(true);
  });

  test.each([64_000, 1_000_000])(
    "what a failed download left is not fetched again, parts of %i",
    async (partSize) => {
      const tuning = { ...fast, partSize, attempts: 1, connections: 1 };
      faultOnWeights({ cutAfter: 40_000 });
      await expect(resolve("org/tiny", { tuning })).rejects.toThrow(
        /model.safetensors: the connection broke off.*Run it again/,
      );
      expect((await stat(partial())).size).toBeGreaterThan(0);
      server.fault = () => undefined;
      server.asked.length = 0;
      const progress: HubProgress[] = [];
      const directory = await resolve("org/tiny", { tuning, onProgress: (one) => progress.push(one) });
      expect(weights.equals(await readFile(join(directory, "model.safetensors")))).toBe(true);
      const first = server.asked.find(({ where }) => where === "cdn")!.headers.range!;
      expect(Number(/=(\d+)-/.exec(first)![1])).toBeGreaterThan(0);
      expect(progress.at(-1)!.bytes).toBe(progress.at(-1)!.totalBytes);
      expect(progress.every(({ bytes, totalBytes }) => bytes <= totalBytes)).toBe(true);
    },
  );

  test("a beginning that an older huggingface_hub left is taken up", async () => {
    await mkdir(blobs(), { recursive: true });
    await writeFile(partial(), weights.subarray(0, 100_000));
    const directory = await resolve("org/tiny");
    expect(weights.equals(await readFile(join(directory, "model.safetensors")))).toBe(true);
    const ranges = server.asked.filter(({ where }) => where === "cdn").map(({ headers }) => headers.range);
    expect(ranges.sort()).toEqual([
      "bytes=100000-127999",
      "bytes=128000-191999",
      "bytes=192000-255999",
      "bytes=256000-299999",
    ]);
  });

  test("a spoilt beginning is found out and fetched anew", async () => {
    await mkdir(blobs(), { recursive: true });
    await writeFile(partial(), randomBytes(100_000));
    const directory = await resolve("org/tiny");
    expect(weights.equals(await readFile(join(directory, "model.safetensors")))).toBe(true);
  });

  test("a server that knows no ranges: from the start", async () => {
    await mkdir(blobs(), { recursive: true });
    await writeFile(partial(), weights.subarray(0, 100_000));
    faultOnWeights({ ignoreRange: true });
    const seen: HubProgress[] = [];
    const directory = await resolve("org/tiny", { onProgress: (progress) => seen.push(progress) });
    expect(weights.equals(await readFile(join(directory, "model.safetensors")))).toBe(true);
    expect(seen.at(-1)!.bytes).toBe(seen.at(-1)!.totalBytes);
  });

  test("a server that knows no ranges and breaks off: from the start each time, a few times", async () => {
    let times = 0;
    const breaks = (most: number) => () => {
      times = 0;
      server.fault = ({ where, file }) => {
        if (where !== "cdn" || file !== "model.safetensors") return undefined;
        return { ignoreRange: true, ...(times++ < most && { cutAfter: 40_000 }) };
      };
    };
    breaks(3)();
    const directory = await resolve("org/tiny", { tuning: { ...fast, partSize: 1e6 } });
    expect(weights.equals(await readFile(join(directory, "model.safetensors")))).toBe(true);
    await rm(home, { recursive: true });
    breaks(Number.POSITIVE_INFINITY)();
    await expect(resolve("org/tiny", { tuning: { ...fast, partSize: 1e6 } })).rejects.toMatchObject({
      code: "hub.range-refused",
    });
  });

  test("an answer that can't be unpacked", async () => {
    server.fault = () => ({ headers: { "content-encoding": "gzip" } });
    await expect(resolve("org/tiny")).rejects.toThrow(/can't be reached|broke off/);
    server.fault = () => ({ status: 500, headers: { "content-encoding": "gzip" } });
    await expect(resolve("org/tiny")).rejects.toThrow(/answers 500/);
  });

  test("errors of the server and requests to wait are waited out", async () => {
    server.fault = ({ count, file, url }) => {
      if (url.includes("/api/") && count <= 2) return { status: 503 };
      if (file === "model.safetensors" && count === 1)
        return { status: 429, headers: { "retry-after": "0" } };
      return undefined;
    };
    expect(weights.equals(await readFile(join(await resolve("org/tiny"), "model.safetensors")))).toBe(true);
  });

  test("Retry-After is honoured, and named when it is too long", async () => {
    server.fault = ({ count, url }) =>
      count === 1 && url.includes("/revision/")
        ? { status: 429, headers: { "retry-after": "1" } }
        : undefined;
    const before = Date.now();
    await resolve("org/tiny", { tuning: { ...fast, partSize: 1e6 } });
    expect(Date.now() - before).toBeGreaterThanOrEqual(1000);
    server.fault = () => ({ status: 429, headers: { "retry-after": "7200" } });
    await expect(resolve("org/tiny")).rejects.toThrow(/asks to wait 7200 seconds/);
  });

  test("stops trying after a while", async () => {
    server.fault = () => ({ status: 500 });
    await expect(resolve("org/tiny")).rejects.toThrow(/answers 500/);
    expect(server.asked.length).toBe(5);
    faultOnWeights({ cutAfter: 0 });
    await expect(resolve("org/tiny")).rejects.toThrow(/broke off 5 times/);
  });

  test("a silent server counts as broken", async () => {
    server.fault = () => ({ silent: true });
    const tuning = { ...fast, stall: 100, attempts: 2 };
    await expect(resolve("org/tiny", { tuning })).rejects.toThrow(/can't be reached: no answer/);
  });

  test("how far the parts are is noted before the first of them has a byte", async () => {
    const seen: (string | undefined)[] = [];
    const onProgress = ({ bytes }: HubProgress) => {
      if (bytes > 1000 && bytes < 290_000) seen.push(readFileSync(`${partial()}.parts`, "utf8"));
    };
    await resolve("org/tiny", { onProgress });
    expect(JSON.parse(seen[0]!)).toHaveLength(5);
    expect((await readdir(blobs())).filter((name) => name.includes(".parts"))).toEqual([]);
  });

  test("an abort keeps what is there", async () => {
    const stop = new AbortController();
    const onProgress = ({ bytes }: HubProgress) => bytes > 100_000 && stop.abort(new Error("stopped by me"));
    await expect(resolve("org/tiny", { onProgress, signal: stop.signal })).rejects.toThrow("stopped by me");
    server.asked.length = 0;
    await resolve("org/tiny");
    const fetched = server.asked.filter(({ where }) => where === "cdn").map(({ headers }) => headers.range!);
    const bytes = fetched
      .map((range) => /=(\d+)-(\d+)/.exec(range)!)
      .reduce((sum, [, a, b]) => sum + Number(b) - Number(a) + 1, 0);
    expect(bytes).toBeLessThan(250_000);
  });

  test("a file that changed since the interruption comes anew", async () => {
    faultOnWeights({ cutAfter: 40_000 });
    await expect(resolve("org/tiny", { tuning: { ...fast, attempts: 1 } })).rejects.toThrow(/broke off/);
    const changed = randomBytes(300_000);
    server.repos["org/tiny"] = {
      ...tiny,
      commit: "e".repeat(40),
      files: { ...files, "model.safetensors": changed },
    };
    server.fault = () => undefined;
    expect(changed.equals(await readFile(join(await resolve("org/tiny"), "model.safetensors")))).toBe(true);
  });

  test("two at once fetch each file once", async () => {
    await Promise.all([resolve("org/tiny"), resolve("org/tiny")]);
    const fetched = server.asked.filter(({ where }) => where === "cdn");
    expect(fetched.length).toBe(5);
  });
});

describe("hostile servers", () => {
  test("a wrong body is deleted and named", async () => {
    faultOnWeights({ body: randomBytes(300_000) });
    await expect(resolve("org/tiny")).rejects.toThrow(
      /model.safetensors: expected sha256 .*, got .*The download was deleted/,
    );
    expect((await readdir(blobs())).filter((name) => name.startsWith(sha256(weights)))).toEqual([]);
  });

  test("a small file is checked too", async () => {
    server.fault = ({ file }) =>
      file === "config.json" ? { body: Buffer.from('{"model_type":"LLAMA"}') } : undefined;
    await expect(resolve("org/tiny")).rejects.toThrow(/config.json: expected git-sha1/);
  });

  test.each([
    ["longer", randomBytes(400_000)],
    ["shorter", randomBytes(200_000)],
  ])("a file that is %s than listed", async (_, body) => {
    faultOnWeights({ body });
    await expect(resolve("org/tiny")).rejects.toThrow(
      /model.safetensors: the listing has 300000 bytes, .* has [24]00000/,
    );
    faultOnWeights({ body });
    await expect(resolve("org/tiny", { tuning: { ...fast, partSize: 1e6 } })).rejects.toThrow(
      /the listing has 300000 bytes/,
    );
  });

  test("a body without end stops at the announced size", async () => {
    faultOnWeights({
      body: randomBytes(400_000),
      headers: { "transfer-encoding": "chunked" },
    });
    await expect(resolve("org/tiny", { tuning: { ...fast, partSize: 1e6 } })).rejects.toThrow(
      /sends more than the 300000 bytes|the listing says/,
    );
  });

  test.each(["../evil", "/etc/passwd", "a/../../b", "a\\..\\b", "C:/x", "a\0b", "a//b", ""])(
    "the file name %j",
    async (path) => {
      server.fault = ({ url }) =>
        url.includes("/tree/") ? { json: [{ type: "file", path, size: 1, oid: "a".repeat(40) }] } : undefined;
      await expect(resolve("org/tiny")).rejects.toThrow(/attune refuses the name/);
    },
  );

  test.each([[{ sha: "../../etc" }], [[]], [null], ["text"], [{ id: 1 }]])(
    "information of another shape: %j",
    async (json) => {
      server.fault = ({ url }) => (url.includes("/revision/") ? { json } : undefined);
      await expect(resolve("org/tiny")).rejects.toThrow(/has a shape that attune does not know/);
    },
  );

  test.each([
    [{ files: [] }],
    [[{ type: "file", path: "config.json", size: -1, oid: "a".repeat(40) }]],
    [[{ type: "file", path: "config.json", size: 1, oid: "../x" }]],
    [[{ type: "file", path: "config.json", size: 1, oid: "a".repeat(40), lfs: { oid: "x", size: 1 } }]],
  ])("a listing of another shape: %j", async (json) => {
    server.fault = ({ url }) => (url.includes("/tree/") ? { json } : undefined);
    await expect(resolve("org/tiny")).rejects.toThrow(/has a shape that attune does not know/);
  });

  test("a cache that can't be written, by its place and the reason", async () => {
    await writeFile(join(home, "hub"), "in the way");
    const error = await resolve("org/tiny").catch((caught) => caught);
    expect(`${error.name}: ${error.message}`).toMatch(
      /^AttuneError: Cannot write .*models--org--tiny.*: a part of the path is a file/,
    );
  });

  test("a size beyond any disk", async () => {
    const json = [
      { type: "file", path: "config.json", size: 1, oid: "a".repeat(40) },
      {
        type: "file",
        path: "model.safetensors",
        size: 2 ** 52,
        oid: "b".repeat(40),
        lfs: { oid: "c".repeat(64), size: 2 ** 52 },
      },
    ];
    server.fault = ({ url }) =>
      url.includes("/tree/") ? { json: url.includes("cursor") ? [] : json } : undefined;
    await expect(resolve("org/tiny")).rejects.toThrow(/needs 4.50e\+6 GB.*set HF_HOME/);
  });

  test("redirects in a circle, or to what is no web address", async () => {
    server.fault = ({ url }) => ({ status: 302, headers: { location: url } });
    await expect(resolve("org/tiny")).rejects.toThrow(/redirects more than 8 times/);
    server.fault = () => ({ status: 302, headers: { location: "file:///etc/passwd" } });
    await expect(resolve("org/tiny")).rejects.toThrow(/redirects to an address that attune does not follow/);
  });

  test("the token goes to the endpoint alone and into no message", async () => {
    await resolve("org/tiny");
    for (const { where, headers } of server.asked)
      expect(headers.authorization).toBe(where === "hub" ? `Bearer ${TOKEN}` : undefined);
    server.fault = () => ({ status: 400, headers: { "x-error-message": `bad ${TOKEN}\x9b2J` } });
    const error = await resolve("org/tiny").catch((caught) => caught);
    expect(error.message).toMatch(/answers 400, bad …/);
    expect(JSON.stringify([error.message, String(error.cause), error.cause.stack])).not.toContain(TOKEN);
  });
});

describe("refusals", () => {
  test("a name like another", async () => {
    await expect(resolve("org/tinyy")).rejects.toThrow(
      /org\/tinyy: .*has no such model, or it is private. Did you mean org\/tiny\?/,
    );
  });

  test("a gated model", async () => {
    server.repos["org/tiny"]!.gated = true;
    const licence = new RegExp(
      `org/tiny: the repository is gated.*Accept its licence at ${server.url}/org/tiny`,
    );
    await expect(resolve("org/tiny")).rejects.toThrow(licence);
    await expect(resolve("org/tiny", {}, { HF_TOKEN: "" })).rejects.toThrow(/and set HF_TOKEN to a token/);
  });

  test("a token that is not accepted, and none where one is needed", async () => {
    server.fault = ({ url }) => (url.includes("/revision/") ? { status: 401 } : undefined);
    await expect(resolve("org/tiny")).rejects.toThrow(/org\/tiny: .*does not accept the token in HF_TOKEN/);
    await expect(resolve("org/tiny", {}, { HF_TOKEN: "" })).rejects.toThrow(/If it is yours, set HF_TOKEN/);
  });

  test("a revision that does not exist", async () => {
    await expect(resolve("org/tiny@v9")).rejects.toThrow(/org\/tiny has no revision v9/);
  });

  test("weights in pickles only, and no model at all", async () => {
    server.repos["org/tiny"]!.files = { "config.json": "{}", "pytorch_model.bin": "x" };
    await expect(resolve("org/tiny")).rejects.toThrow(
      /org\/tiny: expected model.safetensors, .*got only pytorch_model.bin/,
    );
    server.repos["org/tiny"]!.files = { "README.md": "x" };
    await expect(resolve("org/tiny")).rejects.toThrow(/neither config.json nor adapter_config.json/);
  });

  test.each([
    "org/..",
    "a/b/c@x",
    "https://huggingface.co/org/tiny",
    "org--x/y",
    "org/tiny@../x",
    "org/tiny@",
  ])("%j is no name", async (name) => {
    await expect(resolve(name)).rejects.toThrow(
      /not the name of a model on a hub|there is no such directory/,
    );
    expect(server.asked).toEqual([]);
  });
});

describe("local directories", () => {
  test("come back as they are", async () => {
    expect(await resolve(home)).toBe(home);
    expect(server.asked).toEqual([]);
  });

  test("a mistyped one that may be a name on the hub", async () => {
    await mkdir(join(home, "runs", "alpaca"), { recursive: true });
    const before = process.cwd();
    process.chdir(home);
    try {
      await expect(resolve("runs/alpca")).rejects.toThrow(
        /^runs\/alpca: there is no such directory; did you mean runs\/alpaca\? As a name on the hub: .*has no such model/,
      );
    } finally {
      process.chdir(before);
    }
  });

  test("a mistyped one: the nearest is named", async () => {
    await mkdir(join(home, "models", "base"), { recursive: true });
    await expect(resolve(join(home, "models", "basse"))).rejects.toThrow(
      `there is no such directory; did you mean ${join(home, "models", "base")}?`,
    );
    await writeFile(join(home, "file"), "");
    await expect(resolve(join(home, "file"))).rejects.toThrow(
      /expected the directory of a model, got a file/,
    );
  });
});

test("an adapter: its two files, tokenizer and template", async () => {
  const adapter = {
    "adapter_config.json": "{}",
    "adapter_model.safetensors": weights,
    "adapter_model.bin": "x",
    "chat_template.jinja": "x",
  };
  server.repos["org/lora"] = { kind: "model", commit: COMMIT, files: adapter };
  const names = (await readdir(await resolve("org/lora"))).sort();
  expect(names).toEqual(["adapter_config.json", "adapter_model.safetensors", "chat_template.jinja"]);
});
