import { expect, test } from "vitest";
import { KINDS } from "../kinds/kinds.ts";
import { ofBase, peftSpelling } from "./tensor_names.ts";

const peftName = peftSpelling([
  ...KINDS.flatMap(({ tensors }) => Object.keys(tensors.parts)),
  "vera_A",
  "trainable_tokens_delta",
]);

const Q = "base_model.model.model.layers.0.self_attn.q_proj";
const E = "base_model.model.model.embed_tokens";

test.each<[string, string, string?]>([
  [`${Q}.lora_A.weight`, `${Q}.lora_A.weight`],
  [`${Q}.lora_A.default.weight`, `${Q}.lora_A.weight`, "default"],
  [`${Q}.lora_B.my-adapter_2.weight`, `${Q}.lora_B.weight`, "my-adapter_2"],
  [`${Q}.lora_magnitude_vector`, `${Q}.lora_magnitude_vector`],
  [`${Q}.lora_magnitude_vector.weight`, `${Q}.lora_magnitude_vector`],
  [`${Q}.lora_magnitude_vector.default`, `${Q}.lora_magnitude_vector`, "default"],
  [`${Q}.lora_magnitude_vector.default.weight`, `${Q}.lora_magnitude_vector`, "default"],
  [`${E}.lora_embedding_A.default`, `${E}.lora_embedding_A`, "default"],
  [`${E}.token_adapter.trainable_tokens_delta.x`, `${E}.token_adapter.trainable_tokens_delta`, "x"],
  [`${Q}.ia3_l.default`, `${Q}.ia3_l`, "default"],
  [`${Q}.vera_lambda_b.default`, `${Q}.vera_lambda_b`, "default"],
  ["base_model.vera_A.default", "base_model.vera_A", "default"],
  [`base_model.model.${Q}.lora_A.weight`, `${Q}.lora_A.weight`],
  [`module.${Q}.lora_A.weight`, `${Q}.lora_A.weight`],
  [`_orig_mod.${Q}.lora_A.weight`, `${Q}.lora_A.weight`],
  [Q.replace("layers", "_orig_mod.layers._fsdp_wrapped_module"), Q],
  [`${E}.weight`, `${E}.weight`],
])("%s is %s", (key, name, adapter) => {
  expect(peftName(key)).toEqual({ name, adapter });
});

test.each([
  [`${E}.weight`, "model.embed_tokens.weight"],
  [`${E}.base_layer.weight`, "model.embed_tokens.weight"],
  [`${E}.original_module.weight`, "model.embed_tokens.weight"],
  [`${E}.token_adapter.base_layer.weight`, "model.embed_tokens.weight"],
  ["base_model.model.h.0.mlp.original_module.fc.bias", "h.0.mlp.fc.bias"],
])("%s is the base's %s", (name, base) => {
  expect(ofBase(name)).toBe(base);
});
