import type { AdapterConfig } from "../adapter.ts";
import { ia3 } from "./ia3.ts";
import type { Kind } from "./kind.ts";
import { lora } from "./lora.ts";
import { vera } from "./vera.ts";

/** Every kind of adapter there is. */
export const KINDS = [lora, ia3, vera] as const;

const byType = new Map<string, Kind>(KINDS.map((kind) => [kind.type, kind]));

export const kindNamed = (type: string): Kind | undefined => byType.get(type);

export const kindOf = ({ config }: { config: Pick<AdapterConfig, "type"> }): Kind => byType.get(config.type)!;
