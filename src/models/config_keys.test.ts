import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { linearLogits } from "../graph/ops/cross_entropy.ts";
import { compile } from "../testing/evaluate.ts";
import { goldenPath, goldenTensorEntries, maxDifference, readGoldenTensors } from "../testing/goldens.ts";
import { AttuneError } from "../text/errors.ts";
import { excerpt } from "../text/excerpt.ts";
import { checkTensors } from "./check_tensors.ts";
import { readModel } from "./families.ts";
import { frozenParameters } from "./frozen.ts";
import { rowPass } from "./row_pass.ts";
import { createScope } from "./scope.ts";

interface Case {
  model: string;
  change: Record<string, unknown>;
}
const { cases }: { cases: Case[] } = JSON.parse(readFileSync(goldenPath("config_keys/keys.json"), "utf8"));
const models = [...new Set(cases.map(({ model }) => model))];

/** The last place's logits [V] of the golden's first sequence under a changed config.json; or why they are refused. */
async function lastLogits({ model: name, change }: Case): Promise<number[] | string> {
  const config = JSON.parse(readFileSync(goldenPath(`${name}/config.json`), "utf8"));
  const tensors = await goldenTensorEntries(goldenPath(name));
  const { input_ids } = await readGoldenTensors(goldenPath(`${name}/logits.safetensors`));
  const T = input_ids!.shape[1]!;
  const index = Array.from({ length: T }, (_, i) => i);
  const vector = (data: number[]) => ({ shape: [T], data });
  try {
    const model = readModel({ ...config, ...change });
    checkTensors(model, tensors, name);
    const { hidden, head, softcap } = model.decode(createScope(frozenParameters(tensors)), rowPass());
    const compiled = await compile({ logits: linearLogits(hidden, head, { softcap }) });
    const { logits } = await compiled.run({
      tokens: vector([...input_ids!.data.slice(0, T)]),
      positions: vector(index),
      index: vector(index),
      ends: vector(index.map(() => T)),
    });
    await compiled.release();
    return logits!.data.slice(-logits!.shape[1]!);
  } catch (error) {
    expect(error).toBeInstanceOf(AttuneError);
    return (error as AttuneError).message;
  }
}

/** Keys that change what transformers computes, and that attune refuses by name. */
const REFUSED =
  /is_causal|use_bidirectional_attention|hidden_act|rope_scaling|rope_parameters|partial_rotary_factor|head_dim|lm_head|layer_types|alibi/;

let golden: Awaited<ReturnType<typeof readGoldenTensors>>;
beforeAll(async () => {
  golden = await readGoldenTensors(goldenPath("config_keys/logits.safetensors"));
});

describe.each(models)("%s", (name) => {
  const own = cases.flatMap((one, i) => (one.model === name ? [[one, i] as const] : []));
  test.each(own.map(([one, i]) => [`${i}: ${excerpt(one.change, 80)}`, one, i] as const))(
    "%s",
    async (_, one, i) => {
      const { data, shape } = golden.logits!;
      const expected = data.slice(i * shape[1]!, (i + 1) * shape[1]!);
      const logits = await lastLogits(one);
      if (typeof logits !== "string") expect(maxDifference(logits, expected)).toBeLessThan(1e-4);
      else
        expect(
          Object.keys(one.change).some((key) => logits.includes(key) && REFUSED.test(key)),
          logits,
        ).toBe(true);
    },
  );
});
