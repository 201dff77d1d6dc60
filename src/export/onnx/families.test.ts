import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { readModel } from "../../models/families.ts";
import type { Dimensions } from "../../models/family.ts";
import { openModel } from "../../pretrained/open_model.ts";
import { openModelFile } from "../../runtime/node.ts";
import type { Session } from "../../runtime/session.ts";
import { goldenPath, maxDifference, readGoldenTensors } from "../../testing/goldens.ts";
import { modelWithTokenizer } from "../testing/llama_cases.ts";
import { exportOnnx } from "./export_onnx.ts";
import { openOnnxDecoder } from "./onnx_decoder.ts";
import { planOnnx } from "./plan_onnx.ts";
import { KNOWN_TO_TRANSFORMERS_JS } from "./transformers_js.ts";

/** Beside logits up to 16. Measured: up to 1.3e-5. */
const TOLERANCE = 1e-4;
/** Rotations of these depend on the length, which grows from token to token. */
const GROWING = ["llama-dynamic", "phi3-longrope"];
const PROMPT = 20;
const PADDING = 3;

const at = temporaryDirectory();
const greedy = JSON.parse(readFileSync(goldenPath("onnx/greedy.json"), "utf8"));

const likeliest = (logits: Float32Array): number => logits.indexOf(Math.max(...logits));

interface Exported {
  session: Session;
  dimensions: Dimensions;
  start: () => ReturnType<typeof openOnnxDecoder>;
}

async function exported(name: string): Promise<Exported> {
  const model = modelWithTokenizer(`families/${name}`, at());
  const { file } = await exportOnnx({ model, output: at("out"), type: "fp32", template: "none" });
  const { model: read } = await openModel(model);
  const { graph } = planOnnx(read, "fp32");
  const options = { device: "cpu", threads: 1, foldConstants: true } as const;
  const session = await openModelFile(at("out", file), graph, options);
  return {
    session,
    dimensions: read.dimensions,
    start: () => openOnnxDecoder(session, graph),
  };
}

const configOf = (name: string) =>
  JSON.parse(readFileSync(goldenPath(`families/${name}/config.json`), "utf8"));
/** Their layers share keys and values, or have heads of sizes of their own; the small Gemma 3n that sees images has two that don't. */
const isRefused = (name: string) =>
  /^gemma(3n|4)/.test(readModel(configOf(name)).modelType) && name !== "gemma3n";
const [OTHERS, FAMILIES] = [true, false].map((refused) =>
  readdirSync(goldenPath("families")).filter((name) => isRefused(name) === refused),
) as [string[], string[]];

test.each(OTHERS)("%s is refused by name", async (name) => {
  const model = modelWithTokenizer(`families/${name}`, at());
  const exporting = exportOnnx({ model, output: at("out"), type: "fp32", template: "none" });
  await expect(exporting).rejects.toMatchObject({ code: "export.unknown-architecture" });
});

describe.each(FAMILIES)("%s", (name) => {
  test("its logits in ONNX Runtime are transformers': at once, from the cache, and padded in a batch", async () => {
    const { session, dimensions, start } = await exported(name);
    const { input_ids, logits } = await readGoldenTensors(goldenPath(`families/${name}/logits.safetensors`));
    const T = input_ids!.shape[1]!;
    const ids = input_ids!.data.slice(0, T);
    const V = dimensions.vocabSize;
    const expected = (from: number, to: number) => logits!.data.slice(from * V, to * V);

    expect(maxDifference(await start().next([ids]), expected(0, T))).toBeLessThan(TOLERANCE);

    if (!GROWING.includes(name)) {
      const decoder = start();
      await decoder.next([ids.slice(0, PROMPT)]);
      for (let t = PROMPT; t < PROMPT + 4; t++)
        expect(maxDifference(await decoder.next([[ids[t]!]]), expected(t, t + 1))).toBeLessThan(TOLERANCE);

      const batch = start();
      const padding = Array<undefined>(PADDING).fill(undefined);
      const both = [ids.slice(0, PROMPT), [...padding, ...ids.slice(0, PROMPT - PADDING)]];
      const first = await batch.next(both);
      expect(maxDifference(first.subarray(0, PROMPT * V), expected(0, PROMPT))).toBeLessThan(TOLERANCE);
      const behind = first.subarray((PROMPT + PADDING) * V);
      expect(maxDifference(behind, expected(0, PROMPT - PADDING))).toBeLessThan(TOLERANCE);
      const next = await batch.next([[ids[PROMPT]!], [ids[PROMPT - PADDING]!]]);
      expect(maxDifference(next.subarray(V), expected(PROMPT - PADDING, PROMPT - PADDING + 1))).toBeLessThan(
        TOLERANCE,
      );
    }

    // transformers reads a text that outgrows Phi-3's short length anew.
    const most = name === "phi3-longrope" ? greedy.prompt : undefined;
    const answers: number[] = greedy.tokens[name].split(" ").map(Number).slice(0, most);
    const decoder = start();
    let found = await decoder.next([ids.slice(0, greedy.prompt)]);
    for (const [i, id] of answers.entries()) {
      expect(likeliest(found.subarray(-V)), `token ${i}`).toBe(id);
      found = await decoder.next([[id]]);
    }
    await session.release();
  });
});

test("a family that transformers.js doesn't know comes with a warning", async () => {
  const warnings: string[] = [];
  const model = modelWithTokenizer("families/exaone4", at());
  const onWarning = (text: string) => warnings.push(text);
  await exportOnnx({ model, output: at("out"), type: "fp32", template: "none", onWarning });
  expect(warnings).toEqual([expect.stringMatching(/transformers\.js does not know exaone4/)]);
  expect(KNOWN_TO_TRANSFORMERS_JS.has("qwen3")).toBe(true);
});
