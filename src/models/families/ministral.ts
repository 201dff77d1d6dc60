/** Ministral: Mistral's decoder with a window on some layers, as `layer_types` says. Reference: transformers, models/ministral. */
import type { Family } from "../family.ts";
import { mistral } from "./mistral.ts";

export const ministral: Family = {
  modelType: "ministral",
  read: (config) => ({ ...mistral.read(config), modelType: "ministral" }),
};
