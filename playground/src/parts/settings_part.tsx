import { useState } from "preact/hooks";
import { changeSettings } from "../actions.ts";
import { adviceFor } from "../advice_for.ts";
import type { PartProps } from "../app.tsx";
import type { Advice } from "../settings.ts";
import { isTuning } from "../store.ts";

type Key = keyof Advice;

const BOUNDS: Record<Key, { min: number; max: number; step: number | "any" }> = {
  epochs: { min: 1, max: 1000, step: 1 },
  learningRate: { min: 1e-7, max: 1, step: "any" },
  r: { min: 1, max: 256, step: 1 },
  batchSize: { min: 1, max: 256, step: 1 },
  maxLength: { min: 8, max: 8192, step: 1 },
  heldOut: { min: 0, max: 50, step: 1 },
};

export function SettingsPart({ state, words }: PartProps) {
  const { settings, check, run } = state;
  const advice = adviceFor(state);
  const field = (name: Key, label: string, hint?: string) => (
    <NumberField
      {...{ name, label, hint }}
      value={settings[name]}
      advised={check.result ? String(advice[name]) : words.advised}
    />
  );
  return (
    <section class="card" aria-labelledby="settings-title">
      <h2 id="settings-title">
        <span class="number">3</span> {words.settings}
      </h2>
      <p class="note">{words.settingsHint}</p>
      <fieldset disabled={isTuning(run)} class="plain">
        <div class="fields">
          {field("epochs", words.epochs, words.epochsHint)}
          {field("learningRate", words.learningRate, words.learningRateHint)}
          {field("r", words.r, words.rHint)}
        </div>
        <details>
          <summary>{words.more}</summary>
          <div class="fields">
            {field("batchSize", words.batchSize)}
            {field("maxLength", words.maxLength)}
            {field("heldOut", words.heldOut, words.heldOutHint)}
          </div>
        </details>
        <DeviceChoice state={state} words={words} />
      </fieldset>
    </section>
  );
}

interface NumberFieldProps {
  name: Key;
  label: string;
  hint?: string;
  value?: number;
  advised: string;
}

/** What is no number within the bounds is as if it were empty, and marked. */
function NumberField({ name, label, hint, value, advised }: NumberFieldProps) {
  const [typed, setTyped] = useState<string>();
  const change = (input: HTMLInputElement) => {
    setTyped(input.value);
    const isUsable = input.value !== "" && input.validity.valid;
    changeSettings({ [name]: isUsable ? input.valueAsNumber : undefined });
  };
  return (
    <div class="field">
      <label for={`set-${name}`}>{label}</label>
      <input
        id={`set-${name}`}
        type="number"
        inputMode="decimal"
        {...BOUNDS[name]}
        placeholder={advised}
        value={typed ?? value ?? ""}
        aria-describedby={hint && `hint-${name}`}
        onInput={(event) => change(event.currentTarget)}
        onBlur={(event) => event.currentTarget.validity.valid && setTyped(undefined)}
      />
      {hint && (
        <p class="note" id={`hint-${name}`}>
          {hint}
        </p>
      )}
    </div>
  );
}

function DeviceChoice({ state: { settings, hasWebgpu }, words }: PartProps) {
  return (
    <div class="field">
      <label for="set-device">{words.device}</label>
      <select
        id="set-device"
        value={settings.device}
        aria-describedby="hint-device"
        onChange={(event) => changeSettings({ device: event.currentTarget.value as "wasm" | "webgpu" })}
      >
        <option value="wasm">{words.wasm}</option>
        {hasWebgpu && <option value="webgpu">{words.webgpu}</option>}
      </select>
      <p class="note" id="hint-device">
        {!hasWebgpu && words.noWebgpu} {!globalThis.crossOriginIsolated && words.oneThread}
      </p>
    </div>
  );
}
