import type { AdapterConfig } from "../adapter.ts";

/** What there is to know of a kind's adapter_config.json beyond its settings. */
export interface PeftFile<C extends AdapterConfig = AdapterConfig> {
  /** What PEFT 0.21 writes for an adapter that uses nothing special. */
  defaults: Readonly<Record<string, unknown>>;
  /** Keys that say nothing about what a finished adapter computes. */
  ignored: readonly string[];
  /** Keys of numbers that Python writes as floats. */
  floats: readonly string[];
  /** What to do about a setting that is not computed here. */
  wayOut?(key: string): string;
  /** The settings with `targets`, the endings that "all-linear" is written as, where other settings depend on them. */
  condensed?(
    config: C,
    targets: readonly string[],
    modules: readonly string[],
  ): C & { targetModules: string[] };
}
