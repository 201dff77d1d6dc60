import { useState } from "preact/hooks";
import { useWords } from "../words_in_use.ts";
import { chooseColumns, type Plan } from "./plan.ts";

/** Asks which columns are question and answer, where a file calls them otherwise than any format that is known. */
export function ColumnsChoice({ plan: { fileColumns, columns, failure } }: { plan: Plan }) {
  const { words } = useWords();
  const [question, setQuestion] = useState(columns?.instruction ?? "");
  const [answer, setAnswer] = useState(columns?.output ?? "");
  if (fileColumns.length < 2 || !/^data\./.test(failure?.code ?? "")) return null;
  const select = (label: string, value: string, set: (value: string) => void) => (
    <div class="field">
      <label>
        {label}
        <select value={value} onChange={({ currentTarget }) => set(currentTarget.value)}>
          <option value="">{words.choose}</option>
          {fileColumns.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
  return (
    <fieldset class="group">
      <legend>{words.whichColumns}</legend>
      <div class="fields">
        {select(words.question, question, setQuestion)}
        {select(words.answer, answer, setAnswer)}
      </div>
      <button
        type="button"
        class="main"
        disabled={question === "" || answer === "" || question === answer}
        onClick={() => chooseColumns({ instruction: question, output: answer })}
      >
        {words.useThese}
      </button>
    </fieldset>
  );
}
