/** Which of a model repository's files attune needs. */
import { isCompanionFile } from "../files/companion_files.ts";
import { AttuneError } from "../text/errors.ts";

/** What a model directory is read from beside its weights. */
const isSmall = (path: string) =>
  path === "config.json" || isCompanionFile(path) || /^tokenizer[^/]*\.json$/.test(path);
const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";
const SHARD = /^model-\d+-of-\d+\.safetensors$/;
const ADAPTER_CONFIG = "adapter_config.json";
const ADAPTER = "adapter_model.safetensors";

/**
 * Of all `paths` those of a model or of an adapter: never the same weights a second time in another format, never
 * what lies in other folders than that of chat templates (`onnx/`, `original/`).
 * @throws AttuneError when there is no model, or none in safetensors.
 */
export function selectModelFiles(paths: readonly string[], repo: string): string[] {
  const there = new Set(paths);
  if (!there.has("config.json") && !there.has(ADAPTER_CONFIG))
    throw new AttuneError({
      code: "hub.no-model",
      place: repo,
      problem: `there is neither config.json nor ${ADAPTER_CONFIG}: attune reads no such model`,
    });
  const weights = selectWeights(paths, there);
  if (weights.length === 0) throw noWeights(paths, repo);
  return [...paths.filter(isSmall), ...weights];
}

function selectWeights(paths: readonly string[], there: ReadonlySet<string>): string[] {
  const adapter = there.has(ADAPTER_CONFIG) && there.has(ADAPTER) ? [ADAPTER_CONFIG, ADAPTER] : [];
  return [...adapter, ...modelWeights(paths, there)];
}

function modelWeights(paths: readonly string[], there: ReadonlySet<string>): string[] {
  if (!there.has("config.json")) return [];
  if (there.has(SINGLE)) return [SINGLE];
  const shards = paths.filter((path) => SHARD.test(path));
  return there.has(INDEX) && shards.length > 0 ? [INDEX, ...shards] : [];
}

function noWeights(paths: readonly string[], repo: string): AttuneError {
  const others = paths.filter((path) => /^[^/]+\.(bin|pth?|gguf|h5|msgpack|safetensors)$/.test(path));
  const has = others.length > 0 ? `only ${others.slice(0, 3).join(", ")}` : "no weights";
  return new AttuneError({
    code: "hub.no-weights",
    place: repo,
    expected: `${SINGLE}, ${INDEX} with its shards, or ${ADAPTER}`,
    got: has,
    wayOut:
      "Look for a copy in safetensors: often a revision such as @refs/pr/1, or convert it with transformers' save_pretrained",
  });
}
