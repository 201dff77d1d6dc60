import { useEffect, useState } from "preact/hooks";
import { get } from "../api.ts";
import { CopyButton } from "../parts/copy_button.tsx";
import { ScrollBox } from "../parts/scroll_box.tsx";
import { useWords } from "../words_in_use.ts";
import { choosePreset, type Plan, PRESETS, type Preset } from "./plan.ts";
import { type Field, fieldsOf, type JsonSchema } from "./schema_fields.ts";
import { SettingField } from "./setting_field.tsx";

/** What people change first. */
const FIRST = [
  ...["adapter.type", "quantization.type", "training.epochs", "training.learningRate", "adapter.r"],
  ...[
    "adapter.alpha",
    "training.batchSize",
    "training.maxLength",
    "evaluation.fraction",
    "evaluation.generate",
  ],
];

export function RecipePart({ plan }: { plan: Plan }) {
  const { words } = useWords();
  const schema = useSchema();
  const fields = schema ? fieldsOf(schema, plan.recipe) : [];
  const first = FIRST.flatMap((key) => fields.find((field) => field.key === key) ?? []);
  const rest = fields.filter((field) => !FIRST.includes(field.key));
  return (
    <section class="card" aria-labelledby="recipe-title">
      <h2 id="recipe-title">
        <span class="number">2</span> {words.recipe}
      </h2>
      <p class="note">{words.recipeHint}</p>
      <PresetChoice chosen={plan.preset} />
      <OtherFaults plan={plan} shown={first} />
      <div class="settings">
        {first.map((field) => (
          <SettingField key={field.key} field={field} plan={plan} label={words.settings[field.key]} />
        ))}
      </div>
      <details>
        <summary>{words.allSettings(rest.length)}</summary>
        <AllSettings fields={rest} plan={plan} />
      </details>
      <details>
        <summary>{words.asYaml}</summary>
        <p class="note">{words.yamlHint}</p>
        <div class="with-copy">
          <ScrollBox class="code" label={words.asYaml}>
            <pre>
              <code>{plan.yaml}</code>
            </pre>
          </ScrollBox>
          <CopyButton text={plan.yaml} />
        </div>
      </details>
    </section>
  );
}

function PresetChoice({ chosen }: { chosen: Preset }) {
  const { words } = useWords();
  return (
    <fieldset class="plain presets">
      <legend class="visually-hidden">{words.preset}</legend>
      {PRESETS.map((preset) => (
        <label key={preset} class={preset === chosen ? "preset chosen" : "preset"}>
          <input
            type="radio"
            name="preset"
            checked={preset === chosen}
            onChange={() => choosePreset(preset)}
          />
          <span>
            <strong>{words.presets[preset][0]}</strong>
            <small>{words.presets[preset][1]}</small>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

/** By the recipe's own groups. */
function AllSettings({ fields, plan }: { fields: readonly Field[]; plan: Plan }) {
  const { words } = useWords();
  const groups = [...new Set(fields.map(groupOf))];
  return (
    <>
      {groups.map((group) => (
        <fieldset key={group} class="group">
          <legend>{group === "" ? words.general : group}</legend>
          <div class="settings">
            {fields
              .filter((field) => groupOf(field) === group)
              .map((field) => (
                <SettingField key={field.key} field={field} plan={plan} />
              ))}
          </div>
        </fieldset>
      ))}
    </>
  );
}

const groupOf = ({ key }: Field) => (key.includes(".") ? key.split(".")[0]! : "");

/** Faults of keys that aren't seen at once. */
function OtherFaults({ plan: { faults }, shown }: { plan: Plan; shown: readonly Field[] }) {
  const others = faults.filter(({ place }) => !shown.some(({ key }) => key === place));
  if (others.length === 0) return null;
  return (
    <div class="alert" role="alert">
      {others.map(({ place, problem, expected, got, wayOut }) => (
        <p key={`${place} ${problem}`}>
          {[place, problem, expected && `expected ${expected}`, got && `got ${got}`, wayOut]
            .filter(Boolean)
            .join("; ")}
        </p>
      ))}
    </div>
  );
}

let known: Promise<JsonSchema> | undefined;

function useSchema(): JsonSchema | undefined {
  const [schema, setSchema] = useState<JsonSchema>();
  useEffect(() => {
    known ??= get<JsonSchema>("/attune/recipe.schema.json");
    known.then(setSchema, () => {
      known = undefined;
    });
  }, []);
  return schema;
}
