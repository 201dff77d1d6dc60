import { AttuneError } from "../../text/errors.ts";
import type { Tokens } from "../example.ts";
import { feedbackKeys, preferenceKeys, refuseRowKeys, templateKeys } from "./meaning_keys.ts";
import { isEmpty, optionalList, own, type Row, type RowFormat, wrongValue } from "./row_fields.ts";

const IGNORED = -100; // PyTorch's: this token is no label
const ID_LIMIT = 2 ** 31;
/** TRL's: a token is a label where all of them have a 1. transformers calls the first of them `assistant_masks`. */
const MASKS = ["assistant_masks", "assistant_mask", "completion_mask"];
const HONOURED = ["labels", "label_weights", ...MASKS];

/**
 * Rows that are tokenized already: `input_ids`, and which of them are labels: `labels` as transformers has them (the token
 * itself, or -100 where it is no label), `label_weights` (a number a token), or TRL's masks of 0 and 1. The first token is
 * never a label: nothing predicts it.
 */
export const tokens: RowFormat<Tokens> = {
  forms: [{ input_ids: Array.isArray }],
  read(row, origin) {
    const shapes = ["position_ids", "seq_lengths", "token_type_ids"];
    const also = [...shapes, ...templateKeys, ...preferenceKeys, ...feedbackKeys];
    refuseRowKeys(row, { also, except: HONOURED });
    const ids = readNumbers(row, "input_ids", TOKEN);
    if (ids.length === 0)
      throw new AttuneError({ code: "data.no-tokens", place: "input_ids", problem: "the list is empty" });
    checkUnpadded(row, ids.length);
    const labelWeights = readWeights(row, ids);
    return { kind: "tokens", tokens: ids, ...(labelWeights && { labelWeights }), origin };
  },
};

const TOKEN = {
  expected: `an integer of at least 0, below ${ID_LIMIT}`,
  isValid: (id: number) => Number.isInteger(id) && id >= 0 && id < ID_LIMIT,
};
const WEIGHT = {
  expected: "a number of at least 0",
  isValid: (weight: number) => Number.isFinite(weight) && weight >= 0,
};
const BIT = { expected: "0 or 1", isValid: (one: number) => one === 0 || one === 1 };

const isGiven = (row: Row, key: string) => !isEmpty(own(row, key));

function readWeights(row: Row, ids: number[]): number[] | undefined {
  if (isGiven(row, "labels") && isGiven(row, "label_weights"))
    throw contradiction('there are both "labels" and "label_weights"');
  const weights = ownWeights(row, ids) ?? maskWeights(row, ids.length);
  return weights && [0, ...weights.slice(1)];
}

function ownWeights(row: Row, ids: number[]): number[] | undefined {
  if (isGiven(row, "labels")) {
    const labels = readNumbers(row, "labels", { expected: "an integer", isValid: Number.isInteger });
    const weights = weightsOfLabels(ids, labels);
    for (const key of MASKS.filter((key) => isGiven(row, key)))
      checkAgrees(readMask(row, key, ids.length), weights, key);
    return weights;
  }
  if (!isGiven(row, "label_weights")) return undefined;
  const mask = MASKS.find((key) => isGiven(row, key));
  if (mask) throw contradiction(`there are both "label_weights" and "${mask}"`);
  const weights = readNumbers(row, "label_weights", WEIGHT);
  checkLength(weights, ids.length, "label_weights");
  return weights;
}

/** Undefined where there is no mask: then all tokens are labels. */
function maskWeights(row: Row, length: number): number[] | undefined {
  const masks = MASKS.filter((key) => isGiven(row, key)).map((key) => readMask(row, key, length));
  if (masks.length === 0) return undefined;
  return Array.from({ length }, (_, i) => (masks.every((mask) => mask[i] === 1) ? 1 : 0));
}
function checkAgrees(mask: number[], weights: number[], key: string): void {
  const other = mask.findIndex((one, i) => i > 0 && one !== weights[i]);
  if (other >= 0) throw contradiction(`"${key}" and "labels" disagree at token ${other + 1}`);
}

function weightsOfLabels(ids: number[], labels: number[]): number[] {
  checkLength(labels, ids.length, "labels");
  return labels.map((label, i) => {
    if (label === IGNORED) return 0;
    if (label === ids[i]) return 1;
    throw new AttuneError({
      code: "data.wrong-label",
      place: `label ${i + 1}`,
      expected: `its token, ${ids[i]}, or ${IGNORED}`,
      got: `${label}`,
      wayOut: "Put each label at its own token: attune shifts them",
    });
  });
}

function checkUnpadded(row: Row, length: number): void {
  if (isEmpty(own(row, "attention_mask"))) return;
  if (readMask(row, "attention_mask", length).includes(0))
    throw new AttuneError({
      code: "data.padded-tokens",
      place: "attention_mask",
      problem: "the mask has zeros",
      wayOut: "Leave the padding out",
    });
}

function readMask(row: Row, key: string, length: number): number[] {
  const mask = readNumbers(row, key, BIT);
  checkLength(mask, length, key);
  return mask;
}

function checkLength(list: number[], length: number, key: string): void {
  if (list.length !== length)
    throw new AttuneError({
      code: "data.other-length",
      place: key,
      problem: `the list has ${list.length} entries, "input_ids" has ${length}`,
    });
}

function readNumbers(
  row: Row,
  key: string,
  kind: { expected: string; isValid: (value: number) => boolean },
): number[] {
  const { expected, isValid } = kind;
  const list = optionalList(row, key);
  const wrong = list.findIndex((value) => typeof value !== "number" || !isValid(value));
  if (wrong >= 0) throw wrongValue(`entry ${wrong + 1} of "${key}"`, expected, list[wrong]);
  return list as number[];
}

const contradiction = (problem: string): AttuneError =>
  new AttuneError({ code: "data.two-labels", problem, wayOut: "Leave one of them out" });
