/** What a run trains, as far as its learning rate depends on it. */
export type Trained = keyof typeof DEFAULTS;

/** Highest rates where the recipe gives none, and what the header says of them. */
const DEFAULTS = {
  /** TRL's SFTConfig 1.13, and Stanford Alpaca. */
  weights: { value: 2e-5, origin: "the default for a model's own weights" },
  /** Hugging Face's course, chapter 7.6, for GPT-2's size; nanoGPT has 6e-4. */
  "random weights": { value: 5e-4, origin: "the default for random weights" },
  /** Dettmers et al. 2023 (QLoRA). */
  LoRA: { value: 2e-4, origin: "LoRA's default" },
  DoRA: { value: 2e-4, origin: "DoRA's default" },
  /** Liu et al. 2022 (T-Few). */
  "(IA)³": { value: 3e-3, origin: "(IA)³'s default" },
  /** Kopiczko et al. 2024, in the order of magnitude. */
  VeRA: { value: 1e-2, origin: "VeRA's default" },
} as const;

export interface LearningRate {
  /** The highest of the run. */
  value: number;
  /** Who says so: "LoRA's default". */
  origin: string;
}

/** What suits what is trained. */
export const defaultRate = (trained: Trained): LearningRate => DEFAULTS[trained];

/** What the recipe gives. */
export const givenRate = (given: number | undefined): LearningRate | undefined =>
  given === undefined ? undefined : { value: given, origin: "the recipe's" };
