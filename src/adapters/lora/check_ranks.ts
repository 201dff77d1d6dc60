import { AttuneError } from "../../text/errors.ts";
import { listed } from "../../text/listed.ts";
import type { LayerShape } from "../targets/sites.ts";
import { type LoraConfig, rankOf } from "./lora_config.ts";

/** @throws AttuneError that names every module whose rank is above what its matrix can have. */
export function checkRanks(config: LoraConfig, shapes: ReadonlyMap<string, LayerShape>): void {
  const faults = [...shapes].flatMap(([module, shape]) => {
    const [r, most] = [rankOf(config, module), Math.min(shape.in, shape.out)];
    return r > most ? [`${module}: rank ${r} is above the matrix's, ${most}`] : [];
  });
  if (faults.length > 0) throw new AttuneError(`adapter: ${listed(faults)}`);
}
