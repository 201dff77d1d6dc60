import type { Draw } from "./draw.ts";
import { mutateJson } from "./mutate_json.ts";
import type { Input } from "./target.ts";

/** Changes the JSON header of one of the safetensors files, and mostly says its new length. */
export function mutateHeader(draw: Draw, input: Input): Input | undefined {
  const paths = [...input.keys()].filter((path) => path.endsWith(".safetensors"));
  if (paths.length === 0) return undefined;
  const path = draw.pick(paths);
  const bytes = Buffer.from(input.get(path)!);
  if (bytes.length < 8) return undefined;
  const end = 8 + Number(bytes.readBigUInt64LE(0) % BigInt(bytes.length));
  const header = Buffer.from(mutateJson(draw, bytes.subarray(8, end).toString("utf8")));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(draw.chance(0.95) ? header.length : draw.below(2 ** 31)));
  return new Map([...input, [path, Buffer.concat([length, header, bytes.subarray(end)])]]);
}
