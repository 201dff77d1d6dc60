import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { goldenPath, goldenTensorEntries } from "../testing/goldens.ts";
import { AttuneError } from "../text/errors.ts";
import { checkTensors } from "./check_tensors.ts";
import { readModel } from "./families.ts";
import { modelLayout } from "./layout.ts";

const modelOf = (name: string) =>
  readModel(JSON.parse(readFileSync(goldenPath(`${name}/config.json`), "utf8")));
const FAMILIES = readdirSync(goldenPath("families")).map((name) => `families/${name}`);

const OLDER = ["llama-gqa", "llama-bias", "mistral-window", "qwen2-tied"];
test.each([...OLDER.map((name) => `models/${name}`), ...FAMILIES])(
  "%s: the parameters are its file's tensors",
  async (name) => {
    const { parameters } = modelLayout(modelOf(name));
    const tensors = await goldenTensorEntries(goldenPath(name));
    const shapes = (map: ReadonlyMap<string, unknown>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
    const own = [...tensors].filter(
      ([key]) =>
        !/^model\.(vision_tower|vision_embedder|embed_vision|audio_tower|embed_audio|multi_modal_projector|visual)\.|\.act_fn\.(beta|eps)$/.test(
          key,
        ),
    );
    expect(shapes(parameters)).toEqual(shapes(new Map(own.map(([key, { shape }]) => [key, shape]))));
  },
);

test("the linear layers are those an adapter can sit on, the output layer not among them", () => {
  const { linears } = modelLayout(modelOf("models/llama-gqa")); // 3 layers, hidden size 32, 2 of 4 heads, 72 in the MLP
  expect(linears.size).toBe(3 * 7);
  const layer = Object.fromEntries(
    [...linears].flatMap(([name, sizes]) =>
      name.startsWith("model.layers.1.") ? [[name.slice(15), sizes]] : [],
    ),
  );
  expect(layer).toEqual({
    "self_attn.q_proj": { in: 32, out: 32 },
    "self_attn.k_proj": { in: 32, out: 16 },
    "self_attn.v_proj": { in: 32, out: 16 },
    "self_attn.o_proj": { in: 32, out: 32 },
    "mlp.gate_proj": { in: 32, out: 72 },
    "mlp.up_proj": { in: 32, out: 72 },
    "mlp.down_proj": { in: 72, out: 32 },
  });
});

const endings = (name: string) => [
  ...new Set([...modelLayout(modelOf(name)).linears.keys()].map((module) => module.split(".").at(-1))),
];
test.each([
  ["gpt2", ["c_attn", "c_proj", "c_fc"]],
  ["gpt_neox", ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"]],
  ["phi3", ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]],
  ["starcoder2", ["q_proj", "k_proj", "v_proj", "o_proj", "c_fc", "c_proj"]],
  ["mixtral", ["q_proj", "k_proj", "v_proj", "o_proj"]],
  ["qwen3_moe", ["q_proj", "k_proj", "v_proj", "o_proj"]],
])("%s: adapters sit on %j", (name, expected) => {
  expect(endings(`families/${name}`).sort()).toEqual(expected.sort());
});

test("GPT-2's linear layers are kept transposed, and only its", () => {
  const { linears, transposed } = modelLayout(modelOf("families/gpt2"));
  expect([...transposed]).toEqual([...linears.keys()]);
  expect(modelLayout(modelOf("families/gpt_neox")).transposed.size).toBe(0);
});

describe("tensors that are not the model's are refused", () => {
  type Tensors = Map<string, { shape: readonly number[]; file: string }>;
  async function refusal(name: string, change: (tensors: Tensors) => void): Promise<string> {
    const tensors: Tensors = await goldenTensorEntries(goldenPath(name));
    change(tensors);
    try {
      checkTensors(modelOf(name), tensors, "some/model");
    } catch (error) {
      expect(error).toBeInstanceOf(AttuneError);
      return (error as Error).message;
    }
    return "fits";
  }
  const norm = "model.norm.weight";

  test("missing, misshaped and foreign ones, all by name", async () => {
    const message = await refusal("models/llama-gqa", (tensors) => {
      tensors.delete(norm);
      tensors.set("lm_head.weight", { shape: [320, 33], file: "model-2.safetensors" });
      tensors.set("model.layers.0.self_attn.q_norm.weight", { shape: [8], file: "x" });
    });
    expect(message.split("\n")).toEqual([
      "some/model: the tensors do not fit config.json",
      "  model.norm.weight: is missing",
      "  lm_head.weight: expected [320, 32], by config.json, got [320, 33] in model-2.safetensors",
      "  model.layers.0.self_attn.q_norm.weight: is not part of a llama model with this config.json",
    ]);
  });

  test("names with something in front, which transformers doesn't find either", async () => {
    const message = await refusal("models/llama-gqa", (tensors) => {
      for (const [name, entry] of [...tensors]) {
        tensors.delete(name);
        tensors.set(`language_model.${name}`, entry);
      }
    });
    expect(message.split("\n")[0]).toBe(
      'some/model: the tensors do not fit config.json. Names in the files begin with "language_model.": save the model without what is around it.',
    );
  });

  test("ten of many", async () => {
    const message = await refusal("models/llama-gqa", (tensors) => tensors.clear());
    expect(message.split("\n").length).toBe(12);
    expect(message).toMatch(/and 20 more$/); // 3 layers of 9, and 3
  });

  test("but not buffers, nor a tied model's copy of the embedding", async () => {
    const copy = { shape: [320, 32], file: "x" };
    const extra = (tensors: Tensors) =>
      tensors.set("model.layers.0.self_attn.rotary_emb.inv_freq", copy).set("lm_head.weight", copy);
    expect(await refusal("models/qwen2-tied", extra)).toBe("fits");
    const masks = (at: string) => (tensors: Tensors) =>
      tensors.set(`${at}.bias`, copy).set(`${at}.masked_bias`, copy);
    expect(await refusal("families/gpt2", masks("transformer.h.0.attn"))).toBe("fits");
    expect(await refusal("families/gpt_neox", masks("gpt_neox.layers.0.attention"))).toBe("fits");
    const untied = await refusal("models/llama-gqa", (tensors) => tensors.set("lm_head.bias", copy));
    expect(untied).toContain("lm_head.bias: is not part of a llama model");
  });
});
