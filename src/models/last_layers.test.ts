import { expect, test } from "vitest";
import { AttuneError } from "../text/errors.ts";
import { lastLayers } from "./last_layers.ts";

const names = [
  "model.embed_tokens.weight",
  "model.layers.0.mlp.weight",
  "model.layers.9.mlp.experts.11.weight",
  "model.layers.10.mlp.experts.0.weight",
  "model.layers.10.norm.weight",
  "model.norm.weight",
];

test("the last layers by number; neither ends nor the last norm are in one", () => {
  expect(lastLayers(names, 1)).toEqual(names.slice(3, 5));
  expect(lastLayers(names, 2)).toEqual(names.slice(2, 5));
  expect(lastLayers(names, 11)).toEqual(names.slice(1, 5));
});

test("more layers than there are", () => {
  expect(() => lastLayers(names, 12)).toThrow(
    new AttuneError({
      code: "models.too-few-layers",
      place: "trainableLayers",
      expected: "at most the model's 11 layers",
      got: "12",
    }),
  );
});
