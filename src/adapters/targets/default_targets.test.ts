import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { AttuneError } from "../../text/errors.ts";
import { KINDS } from "../kinds/kinds.ts";
import { withTargets } from "../with_targets.ts";

type Mapping = Record<string, string[] | string>;
const golden: Record<string, Mapping> = JSON.parse(
  readFileSync(new URL("goldens/default_targets.json", import.meta.url), "utf8"),
);
const families = readdirSync(new URL("../../models/families", import.meta.url)).map((file) =>
  file.replace(/\.ts$/, ""),
);

test.each([...KINDS])(
  "$type: PEFT's own, of every family that is computed here",
  ({ type: kind, defaults }: { type: string; defaults: Record<string, object | undefined> }) => {
    for (const family of families) {
      const ours = defaults[family] as Record<string, unknown> | undefined;
      expect(ours?.targetModules, family).toEqual(golden[kind]![family]);
      if (kind === "ia3")
        expect(ours?.feedforwardModules, family).toEqual(golden["ia3 feedforward"]![family]);
    }
  },
);

test("what a config names stays as it is", () => {
  expect(withTargets({ type: "lora", targetModules: "x" }, "llama").targetModules).toBe("x");
  expect(withTargets({ type: "lora" }, "llama").targetModules).toEqual(["q_proj", "v_proj"]);
  expect(withTargets({ type: "ia3", targetModules: ["o_proj"] }, "llama")).toMatchObject({
    targetModules: ["o_proj"],
    feedforwardModules: ["down_proj"],
  });
});

test("a family without a default is named", () => {
  const take = () => withTargets({ type: "lora" }, "olmo2");
  expect(take).toThrow(AttuneError);
  expect(take).toThrow(/target_modules is null, and PEFT has no default for olmo2\. Write the names/);
});
