import { expect, test } from "vitest";
import { lower } from "../../graph/onnx/lower.ts";
import { readNodes } from "../../graph/onnx/read_nodes.ts";
import { readModel } from "../../models/families.ts";
import { initializeWeights } from "../../models/initialize.ts";
import { labelLosses } from "../../training/label_losses.ts";
import { fullMethod } from "../../training/method.ts";
import { trainingGraph } from "../../training/training_graph.ts";
import { placesOf } from "./places.ts";

const model = readModel({
  model_type: "llama",
  ...{ vocab_size: 50, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 3, num_attention_heads: 2 },
});
const method = fullMethod(initializeWeights(model, 1));
const losses = labelLosses(method.adapt(model, true), method.scope(true));

/** Place of the first node that reads or writes a value of that name. */
function placeOf(bytes: Uint8Array, name: string, phase?: string) {
  const places = placesOf(bytes);
  const found = readNodes(bytes).filter((node) => [...node.inputs, ...node.outputs].includes(name));
  return found.map((node) => places.get(node.name)!).find((place) => !phase || place.phase === phase);
}

test("nodes of a training graph stand in a phase and a layer", () => {
  const { bytes } = lower(trainingGraph(losses, method));
  const weight = "model.layers.1.self_attn.q_proj.weight";
  expect(placeOf(bytes, weight, "forward")).toEqual({ phase: "forward", layer: 1 });
  expect(placeOf(bytes, weight, "backward")).toEqual({ phase: "backward", layer: 1 });
  expect(placeOf(bytes, `gradient ${weight}`)).toEqual({ phase: "backward", layer: 1 });
  expect(placeOf(bytes, "model.embed_tokens.weight", "forward")).toEqual({
    phase: "forward",
    layer: "embedding",
  });
  expect(placeOf(bytes, "nll")).toEqual({ phase: "forward", layer: "output layer and loss" });
  expect(placeOf(bytes, "lm_head.weight", "forward")).toEqual({
    phase: "forward",
    layer: "output layer and loss",
  });
  const layers = new Set([...placesOf(bytes).values()].map(({ layer }) => layer));
  for (const layer of [0, 1, 2]) expect(layers).toContain(layer);
});

test("a graph without gradients is another pass", () => {
  const phases = [...placesOf(lower({ nll: losses.nll }).bytes).values()].map(({ phase }) => phase);
  expect(new Set(phases)).toEqual(new Set(["other passes"]));
});
