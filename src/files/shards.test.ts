import { expect, test } from "vitest";
import { planShards } from "./shards.ts";

// Each line as huggingface_hub 1.33's split_torch_state_dict_into_shards answers.
test.each<[number[], number, number[][]]>([
  [[6, 6, 2, 6, 2, 2], 10, [[6], [6, 2], [6, 2, 2]]],
  [[2, 20, 2, 2], 10, [[20], [2, 2, 2]]],
  [[5, 5, 1], 10, [[5, 5], [1]]],
  [[3], 1, [[3]]],
])("%j within %i", (sizes, limit, expected) => {
  expect([...planShards(sizes, (size) => size, limit).values()]).toEqual(expected);
});

test("names", () => {
  const names = (sizes: number[]) => [...planShards(sizes, (size) => size, 1).keys()];
  expect(names([1])).toEqual(["model.safetensors"]);
  expect(names([1, 1])).toEqual(["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]);
});
