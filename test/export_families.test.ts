/** docs/export.md says which families each target takes: what the code says. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ARCHITECTURES } from "../src/export/gguf/architectures/architectures.ts";
import { MLX_FAMILIES } from "../src/export/mlx/mlx_families.ts";
import { decoderGraph } from "../src/export/onnx/decoder_graph.ts";
import { KNOWN_TO_TRANSFORMERS_JS, textConfig } from "../src/export/onnx/transformers_js.ts";
import { FAMILIES, readModel } from "../src/models/families.ts";
import type { Config } from "../src/models/family.ts";
import { goldenPath } from "../src/testing/goldens.ts";

const configs = new Map(
  ["families", "models"].flatMap((stage) =>
    readdirSync(goldenPath(stage)).map((name): [string, Config] => {
      const config = JSON.parse(readFileSync(goldenPath(`${stage}/${name}/config.json`), "utf8"));
      return [config.model_type, config];
    }),
  ),
);

/** A small model of the family: of what also sees images one whose text model is known. */
function configOf(modelType: string): Config {
  const text = configs.get(`${modelType}_text`); // the small one that sees images may have fewer kinds of layers
  if (text) return { model_type: modelType, text_config: text };
  const known = configs.get(modelType);
  if (known) return known;
  throw new Error(`goldens have no model of ${modelType}`);
}

function placeInOnnx(modelType: string): "transformers.js" | "ONNX Runtime" | undefined {
  const config = configOf(modelType);
  try {
    decoderGraph(readModel(config));
  } catch (error) {
    if ((error as { code?: string }).code === "export.unknown-architecture") return undefined;
    throw error;
  }
  return KNOWN_TO_TRANSFORMERS_JS.has(String(textConfig(config).model_type))
    ? "transformers.js"
    : "ONNX Runtime";
}

const all = FAMILIES.map(({ modelType }) => modelType).sort();
const inLlama = new Set(ARCHITECTURES.map(({ modelType }) => modelType));
const onnx = new Map(all.map((modelType) => [modelType, placeInOnnx(modelType)]));
const inMlx = (modelType: string) => Object.hasOwn(MLX_FAMILIES, modelType);
const listed = (isIn: (modelType: string) => boolean) =>
  all
    .filter(isIn)
    .map((modelType) => `\`${modelType}\``)
    .join(", ");

const ROWS = {
  "`gguf`, `ollama`": listed((modelType) => inLlama.has(modelType)),
  "`onnx`, transformers.js": listed((modelType) => onnx.get(modelType) === "transformers.js"),
  "`onnx`, ONNX Runtime": listed((modelType) => onnx.get(modelType) === "ONNX Runtime"),
  "`mlx`": listed(inMlx),
};

test.each(["docs/export.md", "docs/export.zh-CN.md"])("%s lists the families of each target", (file) => {
  const text = readFileSync(file, "utf8");
  for (const [target, families] of Object.entries(ROWS))
    expect(text).toContain(`| ${target} | ${families} |`);
});

test("rules are for families that are computed", () => {
  expect([...inLlama, ...Object.keys(MLX_FAMILIES)].filter((modelType) => !all.includes(modelType))).toEqual(
    [],
  );
});
