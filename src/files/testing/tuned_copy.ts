import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A copy of the model directory `from` with one bit of the tensor `name` turned: `to`. */
export function tunedCopy(from: string, to: string, name: string): string {
  cpSync(from, to, { recursive: true });
  const file = join(to, "model.safetensors");
  const bytes = readFileSync(file);
  const data = 8 + Number(bytes.readBigUInt64LE());
  const [start] = JSON.parse(bytes.toString("utf8", 8, data))[name].data_offsets;
  bytes[data + start]! ^= 1;
  writeFileSync(file, bytes);
  return to;
}
