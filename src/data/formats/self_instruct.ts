import { AttuneError } from "../../text/errors.ts";
import type { Conversation } from "../example.ts";
import { answerMessage, userMessage } from "./alpaca.ts";
import { feedbackKeys, preferenceKeys, refuseRowKeys, templateKeys } from "./meaning_keys.ts";
import {
  isRow,
  isText,
  optionalList,
  optionalText,
  type RowFormat,
  requiredText,
  wrongValue,
} from "./row_fields.ts";

/** Self-Instruct (Wang et al. 2023): `instruction` and `instances`, a list of { `input`, `output` }: an example each. */
export const selfInstruct: RowFormat<Conversation[]> = {
  forms: [{ instruction: isText, instances: (value) => Array.isArray(value) && value.every(isRow) }],
  read(row, origin) {
    const refused = { also: [...templateKeys, ...preferenceKeys, ...feedbackKeys] };
    refuseRowKeys(row, refused);
    const instruction = requiredText(row, "instruction");
    const instances = optionalList(row, "instances");
    if (instances.length === 0)
      throw new AttuneError({
        code: "data.no-answer",
        place: "instances",
        problem: "the list is empty: there is no answer",
      });
    return instances.map((instance, i) => {
      if (!isRow(instance)) throw wrongValue(`instance ${i + 1}`, "{input, output}", instance);
      refuseRowKeys(instance, refused);
      const question = userMessage(instruction, optionalText(instance, "input"));
      const answer = answerMessage(requiredText(instance, "output"));
      return { kind: "conversation", messages: [question, answer], origin };
    });
  },
};
