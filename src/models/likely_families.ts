import { AttuneError } from "../text/errors.ts";
import { checkSizes, checkTensors } from "./check_tensors.ts";
import { familyNames } from "./checkpoint_names.ts";
import { FAMILIES, readModel } from "./families.ts";
import type { Config, Family } from "./family.ts";

interface Found {
  readonly name: string;
  readonly shape: readonly number[];
  readonly file: string;
}

/** The families that config.json and the tensors of a model of an unknown type fit, by `model_type`. */
export const likelyFamilies = (config: Config, tensors: ReadonlyMap<string, Found>): string[] =>
  tensors.size === 0 ? [] : FAMILIES.filter((family) => fits(family, config, tensors)).map(byType);

const byType = ({ modelType }: Family) => modelType;

function fits(family: Family, config: Config, tensors: ReadonlyMap<string, Found>): boolean {
  try {
    const named = familyNames(tensors, family);
    const said = { ...config, model_type: family.modelType };
    checkSizes(said, named, "");
    checkTensors(readModel(said), named, "");
    return true;
  } catch (error) {
    if (error instanceof AttuneError) return false;
    throw error;
  }
}
