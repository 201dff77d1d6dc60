import { expect, test } from "vitest";
import { ropeParametersAt } from "../../../models/rope_config.ts";
import { newDescription } from "./description.ts";
import { setRope } from "./rope.ts";

/** The keys that llama.cpp's architecture computes otherwise, of heads of 64 that are rotated as GPT-OSS's. */
function faultsOf(name: string, changes: Record<string, unknown>): string[] {
  const yarn = { rope_type: "yarn", factor: 32, rope_theta: 150_000, original_max_position_embeddings: 4096 };
  const to = newDescription({ name, modules: {} });
  setRope(to, ropeParametersAt("rope_parameters", { ...yarn, ...changes }, {}), { E: 64 });
  return to.faults.map(({ place }) => String(place).replace("rope_parameters.", ""));
}

test.each([
  ["qwen2", {}, []],
  ["qwen2", { beta_fast: 31.9 }, []], // comes to the same dimensions
  ["qwen2", { beta_fast: 8 }, ["beta_fast, beta_slow"]],
  ["qwen2", { beta_slow: 2 }, ["beta_fast, beta_slow"]],
  ["qwen2", { truncate: false }, ["truncate"]],
  ["qwen2", { truncate: false, beta_slow: 2 }, ["truncate", "beta_fast, beta_slow"]],
  ["mistral3", { beta_fast: 8, beta_slow: 2 }, []],
  ["mistral3", { beta_fast: 8, truncate: false }, ["truncate"]],
] as const)("%s with %j", (name, changes, expected) => {
  expect(faultsOf(name, changes)).toEqual(expected);
});
