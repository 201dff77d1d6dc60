import { type Command, InvalidArgumentError, Option } from "commander";
import type { DecodingCompute } from "../generation/low_bits.ts";
import type { Device } from "../runtime/session.ts";
import { exactJson, parseJson } from "../text/exact_json.ts";

/** Options of every command that computes. */
export interface ComputeOptions {
  device?: Device;
  threads?: number;
}

const DEVICES = ["cpu", "cuda", "webgpu"] as const satisfies Device[];

export const withCompute = (command: Command): Command =>
  command
    .addOption(new Option("--device <name>", "what computes").choices(DEVICES).default("cpu"))
    .option("--threads <n>", "threads of one operation (default: all cores)", wholeNumber(1));

/** Options of commands that talk. */
export interface TalkOptions extends ComputeOptions {
  compute?: DecodingCompute;
}

const COMPUTE = ["float32", "int8", "int4"] as const satisfies DecodingCompute[];

export const withTalking = (command: Command): Command =>
  withCompute(command).addOption(
    new Option(
      "--compute <type>",
      "what frozen weights are multiplied in: int8 and int4 are faster and less exact",
    )
      .choices(COMPUTE)
      .default("float32"),
  );

/** Parses an option's value as a number in [least, most]. */
export function number(least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY) {
  return (text: string): number => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Expected a number${range(least, most)}.`);
  };
}

/** Parses an option's value as a whole number of at least `least`. */
export function wholeNumber(least: number) {
  return (text: string): number => {
    const value = number(least)(text);
    if (Number.isSafeInteger(value)) return value;
    throw new InvalidArgumentError("Expected a whole number.");
  };
}

/** Parses an option's value as a JSON object. */
export function jsonObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = exactJson(parseJson(text));
  } catch {}
  if (value instanceof Map) return Object.fromEntries(value);
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new InvalidArgumentError("Expected a JSON object, such as '{\"enable_thinking\": false}'.");
}

function range(least: number, most: number): string {
  if (most < Number.POSITIVE_INFINITY) return ` from ${least} to ${most}`;
  return least > Number.NEGATIVE_INFINITY ? ` of at least ${least}` : "";
}

/** Lets an option be given several times: its values in order. */
export const collect = (value: string, earlier: string[] = []): string[] => [...earlier, value];
