import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { AttuneError } from "../../text/errors.ts";
import { condenseTargetModules, isAllLinear, matchTargetModules } from "./target_modules.ts";

interface Case {
  linear: string[];
  targets: { targetModules: string[] | string; adapted: string[]; saved: string[] | string }[];
}
const golden = JSON.parse(
  readFileSync(new URL("goldens/target_modules.json", import.meta.url), "utf8"),
) as Case[];

describe.each(golden)("against PEFT, $linear.length linear layers", ({ linear, targets }) => {
  test.each(targets)("$targetModules", ({ targetModules, adapted, saved }) => {
    const matched = matchTargetModules(linear, targetModules);
    expect(matched).toEqual(adapted);
    if (isAllLinear(targetModules)) expect(condenseTargetModules(matched)).toEqual(saved);
  });
});

describe("what matches nothing is an error that says what there is", () => {
  const { linear } = golden[0]!;
  test.each<[string[] | string, RegExp]>([
    [["qproj"], /no linear layer matches qproj \(did you mean q_proj\?\).*layers: q_proj, k_proj.*lm_head/],
    [["q_proj", "value_proj"], /matches value_proj \(did you mean/],
    [["model.layers.0.attn.q_proj"], /did you mean model\.layers\.0\.self_attn\.q_proj\?/],
    [["proj"], /matches proj/], // no whole part of a name
    [[], /matches an empty list/],
    [["all-linear"], /all-linear \(write it without the list\)/],
    [
      "q_proj",
      /whole name matches the regular expression "q_proj"\. For endings of names give a list: \[q_proj\]/,
    ],
    ["q_proj|v_proj", /whole name matches/],
    ["model.layers.0", /whole name matches/],
    ["(q_proj", /not a regular expression that can be used here/],
    ["(?i).*Q_PROJ", /not a regular expression that can be used here/],
  ])("%j", (targetModules, message) => {
    expect(() => matchTargetModules(linear, targetModules)).toThrow(AttuneError);
    expect(() => matchTargetModules(linear, targetModules)).toThrow(message);
  });
});

test("beside an image encoder all-linear is saved as full names", () => {
  const names = Array.from({ length: 30 }, (_, i) => `model.language_model.layers.${i}.self_attn.q_proj`);
  expect(condenseTargetModules(names)).toEqual([...names].sort());
});
