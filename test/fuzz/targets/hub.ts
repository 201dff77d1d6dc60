import { join } from "node:path";
import { resolveDataset } from "../../../src/hub/resolve_dataset.ts";
import { resolveModel } from "../../../src/hub/resolve_model.ts";
import { type Asked, type Fault, type HubRepo, startHubServer } from "../../../src/hub/testing/hub_server.ts";
import type { Draw } from "../draw.ts";
import { input } from "../files.ts";
import { mutateBytes } from "../mutate_bytes.ts";
import { mutateJson } from "../mutate_json.ts";
import { mutateText, oddText } from "../mutate_text.ts";
import type { Target } from "../target.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const CARD =
  "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/train-*\n  - split: test\n    path: ['a/*.jsonl', '**/b?.csv']\n- config_name: other\n  data_dir: x\n---\n# Card\n";

const REPOS: Record<string, HubRepo> = {
  "org/tiny": {
    kind: "model",
    commit: COMMIT,
    files: {
      "config.json": '{"model_type":"llama"}',
      "tokenizer.json": "{}",
      "model.safetensors": Buffer.alloc(3000, 7),
    },
  },
  "org/rows": {
    kind: "dataset",
    commit: COMMIT,
    files: {
      "README.md": CARD,
      "data/train-00000-of-00001.jsonl": '{"text":"a"}\n',
      "a/b.jsonl": "{}",
      "bc.csv": "a,b\n",
    },
  },
};

/** A stand-in server whose answers are wrong here and there, as the seed in the input's file says. */
export const hub: Target = {
  name: "hub",
  valid: async () => [input({ "README.md": CARD })],
  async read(directory, draw) {
    const repos = structuredClone(REPOS);
    const wrong = draw.pick([0.1, 0.3, 1]);
    const card = repos["org/rows"]!.files;
    if (draw.chance(0.5))
      card["README.md"] = mutateText(draw, CARD, ["*", "**", "[a-", "{a,b}", "- ", "&a ", "*a"]);
    const server = await startHubServer(repos);
    server.fault = (asked) => (draw.chance(wrong) ? faultOf(draw, asked) : undefined);
    const isScope = draw.chance(0.3);
    const env = {
      ...{ HF_ENDPOINT: server.url, HF_HOME: join(directory, "hub"), HOME: directory, HF_TOKEN: "hf_secret" },
      ...(isScope && {
        USE_MODELSCOPE_HUB: "1",
        MODELSCOPE_DOMAIN: server.url,
        MODELSCOPE_CACHE: join(directory, "scope"),
      }),
    };
    const tuning = { attempts: 2, firstPause: 1, stall: 200, connections: 2, partSize: 1000 };
    try {
      if (draw.chance(0.5)) await resolveModel("org/tiny", { env, tuning });
      else await resolveDataset("org/rows", { env, tuning, split: draw.pick(["train", "test"]) });
    } finally {
      await server.close();
    }
  },
};

function faultOf(draw: Draw, { file, url }: Asked): Fault {
  const right = /tree/.test(url) ? LISTING : { id: "org/tiny", sha: COMMIT };
  switch (draw.below(8)) {
    case 0:
      return {
        status: draw.pick([200, 204, 206, 301, 302, 308, 400, 401, 403, 404, 416, 418, 429, 500, 503]),
      };
    case 1:
      return { headers: oddHeaders(draw) };
    case 2:
      return file
        ? { body: Buffer.from(mutateBytes(draw, Buffer.alloc(500, 1))) }
        : { json: oddJson(draw, right) };
    case 3:
      return { cutAfter: draw.below(50) };
    case 4:
      return draw.chance(0.2) ? { silent: true } : { ignoreRange: true };
    default:
      return { json: oddJson(draw, right) };
  }
}

const LISTING = [
  { type: "file", path: "config.json", size: 22, oid: "a".repeat(40) },
  {
    type: "file",
    path: "model.safetensors",
    size: 3000,
    oid: "b".repeat(40),
    lfs: { oid: "c".repeat(64), size: 3000 },
  },
  { type: "directory", path: "data", size: 0, oid: "" },
  { type: "file", path: "../../escape.json", size: 2, oid: "d".repeat(40) },
];

/** What the server's own JSON can hold. */
function oddJson(draw: Draw, right: unknown): unknown {
  try {
    const value: unknown = JSON.parse(mutateJson(draw, JSON.stringify(right)));
    JSON.stringify(value); // which is what the server does
    return value;
  } catch {
    return draw.pick([null, 7, "text", [], {}]);
  }
}

function oddHeaders(draw: Draw): Record<string, string> {
  const name = draw.pick([
    "link",
    "location",
    "etag",
    "x-linked-etag",
    "x-linked-size",
    "x-repo-commit",
    "content-range",
    "retry-after",
    "x-error-code",
    "x-error-message",
    "content-type",
    "content-encoding",
  ]);
  const value = draw.pick([
    '<x>; rel="next"',
    '<http://127.0.0.1:1/a>; rel="next"',
    "../../x",
    "-1",
    "1e99",
    "bytes 0-1/2",
    "gzip",
    "99999999999",
    oddText(draw),
  ]);
  return { [name]: value.replace(/[^\x20-\x7e]/g, "?").slice(0, 500) };
}
