import * as z from "zod";
import type { SweepAxis } from "../run/sweep/plan.ts";
import { AttuneError } from "../text/errors.ts";
import { isPlainObject } from "../text/plain_object.ts";
import { parseYaml } from "../text/yaml.ts";
import { recipeFaults } from "../training/recipe_faults.ts";

/** What a sweep is asked for: on the command line or, without that, in the recipe's `sweep:`. */
export interface SweepSettings {
  axes: SweepAxis[];
  random?: number;
  seed?: number;
  stopEarly?: boolean;
}

const Section = z.strictObject({
  set: z.record(z.string(), z.union([z.array(z.unknown()), z.string()])),
  random: z.int().positive().optional(),
  seed: z.int().nonnegative().optional(),
  stopEarly: z.boolean().optional(),
});

/**
 * The recipe without its `sweep:`, and what that says.
 * @throws AttuneError that names the key at fault.
 */
export function splitSweep(value: unknown, path: string): { recipe: unknown; settings: SweepSettings } {
  if (!isPlainObject(value) || !("sweep" in value)) return { recipe: value, settings: { axes: [] } };
  const { sweep, ...recipe } = value;
  const result = Section.safeParse(sweep, { reportInput: true });
  if (!result.success)
    throw new AttuneError({
      code: "cli.wrong-sweep",
      place: `${path}: sweep`,
      problem: "it has a problem:",
      faults: recipeFaults(result.error.issues, sweep, Section),
      wayOut:
        "Write sweep: { set: { training.learningRate: [1e-4, 3e-4] }, random: 8, seed: 1, stopEarly: false }",
    });
  const { set, ...others } = result.data;
  const axes = Object.entries(set).map(([key, values]) =>
    typeof values === "string" ? rangeAxis(key, values, `${path}: sweep: set`) : { key, values },
  );
  return { recipe, settings: { ...others, axes } };
}

/**
 * `training.learningRate=1e-4,3e-4`: values are YAML, one or several; `1e-5..1e-3` is a range.
 * @throws AttuneError that quotes the flag.
 */
export function axisOfFlag(flag: string): SweepAxis {
  const at = flag.indexOf("=");
  const [key, text] = [flag.slice(0, at).trim(), flag.slice(at + 1).trim()];
  if (at < 1)
    throw new AttuneError({
      code: "cli.wrong-axis",
      place: `--set ${flag}`,
      expected: "key=value,value, such as training.learningRate=1e-4,3e-4",
    });
  if (RANGE.test(text)) return rangeAxis(key, text, `--set ${flag}`);
  const values = parseYaml(`[${text}]`, `--set ${key}`);
  return { key, values: Array.isArray(values) ? values : [values] };
}

const NUMBER = "[-+]?(?:\\d+\\.?\\d*|\\.\\d+)(?:e[-+]?\\d+)?";
const RANGE = new RegExp(`^(${NUMBER})\\.\\.(${NUMBER})$`, "i");

function rangeAxis(key: string, text: string, place: string): SweepAxis {
  const [, low, high] = RANGE.exec(text.trim()) ?? [];
  if (low !== undefined) return { key, low: Number(low), high: Number(high) };
  throw new AttuneError({
    code: "cli.wrong-range",
    place: `${place}: ${key}`,
    expected: "LOW..HIGH, or a list of values",
    got: text,
  });
}
