import type { AdviceFacts, AdvisedSetting } from "../../training/advice/facts.ts";
import { recommend } from "../../training/advice/recommend.ts";

/** What a recipe is written for. */
export const PRESETS = {
  quick: "a first look: one pass, a small adapter",
  balanced: "what is known to work for such data",
  quality: "more passes and a larger adapter, stopped when the held-out loss turns",
} as const;

export type Preset = keyof typeof PRESETS;
export const presetNames = Object.keys(PRESETS) as Preset[];

/** The recommended settings, as a preset changes them. */
export function presetSettings(facts: AdviceFacts, preset: Preset): AdvisedSetting[] {
  return recommend(facts).map((setting) => CHANGES[preset](setting));
}

const source = "the preset";

const CHANGES: Record<Preset, (setting: AdvisedSetting) => AdvisedSetting> = {
  quick: (setting) => {
    if (setting.key === "training.epochs")
      return { ...setting, value: 1, reason: "one pass shows whether it learns", source };
    if (setting.key === "adapter.r")
      return { ...setting, value: 8, reason: "a small adapter is enough to see", source };
    if (setting.key === "adapter.alpha") return { ...setting, value: 16 };
    return setting;
  },
  balanced: (setting) => setting,
  quality: (setting) => {
    const value = Number(setting.value);
    if (setting.key === "training.epochs")
      return {
        ...setting,
        value: value + 2,
        reason: `${setting.reason}; evaluation.patience ends the run when that begins`,
        source,
      };
    if (setting.key === "adapter.r" && value < 64)
      return { ...setting, value: 2 * value, reason: `room for more: ${setting.reason}` };
    if (setting.key === "adapter.alpha" && value < 64) return { ...setting, value: 2 * value };
    return setting;
  },
};
