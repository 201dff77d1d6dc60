/**
 * Keys by which other trainers' rows change what is trained or written: TRL, axolotl, ms-swift, torchtune, LLaMA-Factory,
 * OpenAI, mlx-lm. What a format doesn't honour it refuses by name: dropped in silence, it would train something else.
 */
import { AttuneError } from "../../text/errors.ts";
import { isEmpty, isRow, own, type Row } from "./row_fields.ts";

/** Inputs of multimodal models; `objects` are ms-swift's places in an image. */
const media = ["images", "image", "audios", "audio", "videos", "video", "objects", "pixel_values"];

/** What says that, or how much, tokens are trained. */
const labels = [
  "labels",
  "label_weights",
  "completion_mask",
  "assistant_masks",
  "assistant_mask",
  "loss_mask",
  "mask",
];

/** The same as switches and weights: the value that changes nothing may stand there. */
const switches: Readonly<Record<string, readonly unknown[]>> = {
  loss: [true, 1],
  train: [true, 1],
  training: [true, 1],
  trainable: [true, 1],
  compute_loss: [true, 1],
  step_loss_mask: [1],
  loss_multiplier: [1],
  masked: [false, 0],
  weight: [1],
  weights: [],
  sample_weight: [1],
  loss_weight: [1],
  loss_weights: [],
  loss_scale: [1],
  train_detail: [],
  training_detail: [],
};

/** What comes before the question, and other answers: some formats read a few of them. */
const context = ["history", "system_prompt"];
const otherAnswers = ["rejected_response", "rejected_messages", "objective", "margin"];
export const preferenceKeys = ["chosen", "rejected"];
export const feedbackKeys = ["label", "kto_tag"];
/** Reference values that TRL has computed before. */
export const referenceKeys = ["ref_chosen_logps", "ref_rejected_logps", "ref_logps"];

/** What no text without a template can say. */
export const templateKeys = ["system", "tools", "functions", "chat_template_kwargs"];

interface Refusals {
  /** Refused on top of what every format refuses. */
  also?: readonly string[];
  /** Honoured by the format. */
  except?: readonly string[];
}

/** @throws AttuneError naming a key of the row that would change what it means, and isn't honoured. */
export function refuseRowKeys(row: Row, { also = [], except = [] }: Refusals = {}): void {
  refuseKeys(
    row,
    [...media, ...labels, ...context, ...otherAnswers, ...also].filter((key) => !except.includes(key)),
  );
  refuseSwitches(row, except);
}

/** Of a turn: whether it is trained is said by `loss`, `masked`, `train` and `weight`, which turn_weight.ts reads. */
export function refuseTurnKeys(turn: Row): void {
  refuseKeys(turn, ["refusal", ...media, ...labels]);
  refuseSwitches(turn, ["loss", "train", "training", "masked", "weight"]);
  refuseOther(turn, { prefix: [false], partial: [false], eot: [true], ipython: [false] });
}

/** Of a part of a turn's content. */
export const refusePartKeys = (part: Row): void => refuseSwitches(part, []);

function refuseSwitches(row: Row, except: readonly string[]): void {
  refuseOther(row, Object.fromEntries(Object.entries(switches).filter(([key]) => !except.includes(key))));
}

/** @throws AttuneError when a key has another value than those that say nothing; CSV files have them as text. */
function refuseOther(row: Row, neutral: Readonly<Record<string, readonly unknown[]>>): void {
  const says = (key: string) => {
    const value = own(row, key);
    return saysSomething(value) && !neutral[key]!.some((one) => one === value || String(one) === value);
  };
  refuse(Object.keys(neutral).find(says));
}

/** @throws AttuneError when a key has a value that would change what the row means, and can't be honoured. */
export function refuseKeys(row: Row, keys: readonly string[]): void {
  refuse(keys.find((key) => saysSomething(own(row, key))));
}

const saysSomething = (value: unknown): boolean =>
  !isEmpty(value) && !(isRow(value) && Object.keys(value).length === 0);

function refuse(key: string | undefined): void {
  if (key === undefined) return;
  throw new AttuneError({
    code: "data.unsupported-key",
    problem: `the key "${key}" changes what the row means, and isn't supported here`,
    wayOut: "Leave it out if it doesn't matter",
  });
}
