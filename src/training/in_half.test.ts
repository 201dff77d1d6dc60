import { expect, test } from "vitest";
import { inHalf } from "../graph/passes/in_half.ts";
import { reachable } from "../graph/walk.ts";
import { labelLosses } from "./label_losses.ts";
import { openGoldenRun } from "./testing/golden_run.ts";
import { trainingGraph } from "./training_graph.ts";

const graphOf = async (path: string) => {
  const { model, method } = await openGoldenRun(path);
  return trainingGraph(labelLosses(method.adapt(model, true), method.scope(true), { block: 64 }), method);
};

test("what of a training step is in float16, and what isn't", async () => {
  const graph = await graphOf("training/llama-gqa-lora-all");
  const half = inHalf(graph).graph;
  for (const [name, { dtype, shape }] of Object.entries(graph))
    expect(half[name], name).toMatchObject({ dtype, shape });
  const counts: Record<string, Record<string, number>> = { float16: {}, float32: {} };
  for (const { op, dtype, inputs } of reachable(Object.values(half)))
    if (inputs.length > 0 && counts[dtype]) counts[dtype][op.name] = (counts[dtype][op.name] ?? 0) + 1;
  expect(counts).toMatchInlineSnapshot(`
    {
      "float16": {
        "add": 49,
        "cast": 88,
        "gather": 1,
        "matmul": 120,
        "mul": 18,
        "reshape": 6,
        "sigmoid": 6,
        "silu": 6,
        "sub": 3,
      },
      "float32": {
        "add": 17,
        "blockAttention": 3,
        "blockAttentionGradient": 3,
        "cast": 80,
        "cos": 2,
        "exp": 1,
        "expand": 1,
        "gather": 3,
        "keep": 4,
        "logSoftmax": 1,
        "matmul": 44,
        "mean": 12,
        "mul": 41,
        "neg": 1,
        "negativeLogLikelihood": 2,
        "otherValue": 6,
        "reciprocal": 6,
        "reshape": 25,
        "rmsNorm": 14,
        "rope": 18,
        "scatterAdd": 2,
        "sin": 2,
        "sqrt": 6,
        "sub": 7,
      },
    }
  `);
});

test("weights that no product reads, and those of norms, stay as they are", async () => {
  const { halved } = inHalf(await graphOf("training/llama-bf16-lora-all"));
  const names = [...halved].map(({ attributes }) => (attributes as { name: string }).name).sort();
  expect(names).toMatchInlineSnapshot(`
    [
      "model.embed_tokens.weight",
      "model.layers.0.mlp.down_proj.weight",
      "model.layers.0.mlp.gate_proj.weight",
      "model.layers.0.mlp.up_proj.weight",
      "model.layers.0.self_attn.k_proj.weight",
      "model.layers.0.self_attn.o_proj.weight",
      "model.layers.0.self_attn.q_proj.weight",
      "model.layers.0.self_attn.v_proj.weight",
      "model.layers.1.mlp.down_proj.weight",
      "model.layers.1.mlp.gate_proj.weight",
      "model.layers.1.mlp.up_proj.weight",
      "model.layers.1.self_attn.k_proj.weight",
      "model.layers.1.self_attn.o_proj.weight",
      "model.layers.1.self_attn.q_proj.weight",
      "model.layers.1.self_attn.v_proj.weight",
    ]
  `);
});
