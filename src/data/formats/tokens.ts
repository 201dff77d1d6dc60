import { AttuneError } from "../../text/errors.ts";
import type { Tokens } from "../example.ts";
import {
  describeValue,
  isEmpty,
  optionalList,
  own,
  type Row,
  type RowFormat,
  refuseKeys,
} from "./row_fields.ts";

const IGNORED = -100; // PyTorch's: this token is no label
const ID_LIMIT = 2 ** 31;

/**
 * Rows that are tokenized already: `input_ids`, and `labels` as transformers has them (the token itself, or -100 where
 * it is no label) or `label_weights` (a number a token). The first token is never a label: nothing predicts it.
 */
export const tokens: RowFormat<Tokens> = {
  forms: [{ input_ids: Array.isArray }],
  read(row, origin) {
    refuseKeys(row, ["position_ids", "seq_lengths", "chosen", "rejected", "label", "kto_tag"]);
    const ids = readNumbers(row, "input_ids", (id) => Number.isInteger(id) && id >= 0 && id < ID_LIMIT);
    if (ids.length === 0) throw new AttuneError('"input_ids" is empty');
    checkUnpadded(row, ids.length);
    const labelWeights = readWeights(row, ids);
    return { kind: "tokens", tokens: ids, ...(labelWeights && { labelWeights }), origin };
  },
};

function readWeights(row: Row, ids: number[]): number[] | undefined {
  const isGiven = (key: string) => !isEmpty(own(row, key));
  if (!isGiven("labels") && !isGiven("label_weights")) return undefined;
  if (isGiven("labels") && isGiven("label_weights"))
    throw new AttuneError('there are both "labels" and "label_weights": leave one out');
  const weights = isGiven("labels")
    ? weightsOfLabels(ids, readNumbers(row, "labels", Number.isInteger))
    : readNumbers(row, "label_weights", (weight) => Number.isFinite(weight) && weight >= 0);
  checkLength(weights, ids.length, "label_weights");
  return [0, ...weights.slice(1)];
}

function weightsOfLabels(ids: number[], labels: number[]): number[] {
  checkLength(labels, ids.length, "labels");
  return labels.map((label, i) => {
    if (label === IGNORED) return 0;
    if (label === ids[i]) return 1;
    throw new AttuneError(
      `label ${i + 1} should be its token, ${ids[i]}, or ${IGNORED}, got ${label}; labels are not shifted`,
    );
  });
}

function checkUnpadded(row: Row, length: number): void {
  if (isEmpty(own(row, "attention_mask"))) return;
  const mask = readNumbers(row, "attention_mask", (one) => one === 0 || one === 1);
  checkLength(mask, length, "attention_mask");
  if (mask.includes(0)) throw new AttuneError('"attention_mask" has zeros: leave the padding out');
}

function checkLength(list: number[], length: number, key: string): void {
  if (list.length !== length)
    throw new AttuneError(`"${key}" has ${list.length} entries, "input_ids" has ${length}`);
}

function readNumbers(row: Row, key: string, isValid: (value: number) => boolean): number[] {
  const list = optionalList(row, key);
  const wrong = list.findIndex((value) => typeof value !== "number" || !isValid(value));
  if (wrong >= 0)
    throw new AttuneError(`entry ${wrong + 1} of "${key}" can't be ${describeValue(list[wrong])}`);
  return list as number[];
}
