import type { Message } from "../../templates/message.ts";
import { AttuneError } from "../../text/errors.ts";
import { own, type Row, wrongValue } from "./row_fields.ts";

/** How the field's trainers say whether a turn is trained, and what a true value means. */
const SWITCHES: readonly { key: string; trains: boolean }[] = [
  { key: "loss", trains: true }, // ms-swift
  { key: "masked", trains: false }, // torchtune
  { key: "train", trains: true }, // axolotl, as its examples name them
  { key: "training", trains: true },
];

export const weightKeys: readonly string[] = ["weight", ...SWITCHES.map(({ key }) => key)];

/**
 * The label weight of a turn: OpenAI's `weight`, and 0 where `loss`, `masked`, `train` or `training` says that it isn't
 * trained. Turns that are not the assistant's never are.
 * @throws AttuneError when the value is of another type, or says that a turn of another role is trained.
 */
export function readTurnWeight(turn: Row, role: Message["role"]): { weight?: number } {
  const switched = SWITCHES.flatMap(({ key, trains }) => {
    const on = readSwitch(turn, key);
    return on === undefined ? [] : [{ key, weight: on === trains ? 1 : 0 }];
  });
  const own = readNumber(turn, "weight");
  const said = own === undefined ? switched : [...switched, { key: "weight", weight: own }];
  if (role !== "assistant") {
    const trained = said.find(({ weight }) => weight !== 0);
    if (trained) throw notTrained(trained.key, role);
    return {};
  }
  if (said.length === 0) return {};
  const weight = said.reduce((product, one) => product * one.weight, 1);
  return own === undefined && weight === 1 ? {} : { weight };
}

/** Undefined when it is missing or null. */
function readSwitch(turn: Row, key: string): boolean | undefined {
  const value = own(turn, key);
  if (value === undefined || value === null) return undefined;
  if (value === true || value === 1) return true;
  if (value === false || value === 0) return false;
  throw wrongValue(key, "true or false", value);
}

function readNumber(turn: Row, key: string): number | undefined {
  const value = own(turn, key);
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  throw wrongValue(key, "a number of at least 0", value);
}

const notTrained = (key: string, role: string): AttuneError =>
  new AttuneError({
    code: "data.unsupported-key",
    problem: `"${key}" says that a message of the role ${role} is trained; only the assistant's are`,
    wayOut: "Set trainOn: everything in the recipe, or leave the key out",
  });
