import { useState } from "preact/hooks";
import { useWords } from "../words_in_use.ts";
import { change, type Plan } from "./plan.ts";
import { valueAt } from "./recipe_keys.ts";
import { type Field, readTyped, writeTyped } from "./schema_fields.ts";

interface SettingFieldProps {
  field: Field;
  plan: Plan;
  /** What it is, and a hint; the key itself and the schema's words when left out. */
  label?: readonly [name: string, hint: string];
}

export function SettingField({ field, plan, label }: SettingFieldProps) {
  const { words } = useWords();
  const { key } = field;
  const id = `set-${key.replaceAll(".", "-")}`;
  const fault = plan.faults.find(({ place }) => place === key);
  const reason = plan.suggestion?.reasons[key];
  const short = key.split(".").at(-1)!;
  return (
    <div class="field">
      <label for={id}>
        {label ? label[0] : <code>{short}</code>} {label && <code class="key-name">{key}</code>}
      </label>
      <Input field={field} plan={plan} id={id} isWrong={fault !== undefined} />
      {fault && (
        <p class="wrong" id={`${id}-wrong`} lang="en">
          {[fault.problem, fault.expected && `expected ${fault.expected}`].filter(Boolean).join("; ")}
        </p>
      )}
      <p class="note" id={`${id}-hint`} lang={label ? undefined : "en"}>
        {label ? label[1] : field.help}
      </p>
      {label && reason && (
        <details class="why">
          <summary>{words.why}</summary>
          <p class="note" lang="en">
            <Linked text={reason} />
          </p>
        </details>
      )}
    </div>
  );
}

interface InputProps {
  field: Field;
  plan: Plan;
  id: string;
  isWrong: boolean;
}

function Input({ field, plan, id, isWrong }: InputProps) {
  const { words } = useWords();
  const value = valueAt(plan.recipe, field.key);
  const [typed, setTyped] = useState<string>();
  const set = (text: string) => changeField(field, readTyped(field, text));
  const common = {
    id,
    "aria-describedby": isWrong ? `${id}-wrong ${id}-hint` : `${id}-hint`,
    "aria-invalid": isWrong,
  };
  const { kind, standard } = field;
  if (kind === "choice" || kind === "switch") {
    const choices = kind === "switch" ? ["true", "false"] : field.choices!;
    const none = { "adapter.type": words.allWeights, "quantization.type": words.asTheyAre }[field.key];
    const unset = none ?? (standard === undefined ? "–" : undefined);
    return (
      <select
        {...common}
        value={writeTyped(value ?? standard)}
        onChange={({ currentTarget }) => set(currentTarget.value)}
      >
        {unset && <option value="">{unset}</option>}
        {choices.map((choice) => (
          <option key={choice} value={choice}>
            {words.choices[choice] ?? choice}
          </option>
        ))}
      </select>
    );
  }
  return (
    <input
      {...common}
      type="text"
      inputMode={kind === "number" ? "decimal" : "text"}
      autocomplete="off"
      spellcheck={false}
      placeholder={standard === undefined ? "–" : writeTyped(standard)}
      value={typed ?? writeTyped(value)}
      onInput={({ currentTarget }) => {
        setTyped(currentTarget.value);
        set(currentTarget.value);
      }}
      onBlur={() => setTyped(undefined)}
    />
  );
}

/** Another kind of a thing has settings of its own: the old one's go. */
function changeField({ key }: Field, value: unknown): void {
  const [group, name] = key.split(".") as [string, string?];
  if (name !== "type") change(key, value);
  else change(group, value === undefined ? undefined : { type: value });
}

/** Sources are linked; a click opens them in another tab. */
function Linked({ text }: { text: string }) {
  return (
    <>
      {text.split(/(https:\/\/[^\s)]+)/).map((part, i) =>
        part.startsWith("https://") ? (
          <a key={i} href={part} target="_blank" rel="noreferrer">
            {new URL(part).hostname}
          </a>
        ) : (
          part
        ),
      )}
    </>
  );
}
