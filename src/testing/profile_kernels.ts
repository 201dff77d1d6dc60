import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { STOPPING_OP } from "../runtime/no_copies.ts";
import type { SessionOptions } from "../runtime/session.ts";

interface ProfileEvent {
  cat: string;
  args?: { provider?: string; op_name: string; input_type_shape: Record<string, number[]>[] };
}

/**
 * Options that make a session write the runtime's profile, and, once it is released, which provider ran which kernels on
 * what: "WebGpu MatMul(float, float)".
 */
export function profileKernels(): {
  options: Partial<SessionOptions>;
  kernels(): Set<string>;
  /** All of them, in the order they ran. */
  order(): string[];
} {
  const folder = mkdtempSync(join(tmpdir(), "attune-"));
  const order = () => {
    const events: ProfileEvent[] = JSON.parse(readFileSync(join(folder, readdirSync(folder)[0]!), "utf8"));
    rmSync(folder, { recursive: true });
    const own = events.filter(({ cat, args }) => cat === "Node" && args?.op_name !== STOPPING_OP);
    return own.flatMap(({ args }) => (args?.provider ? [kernel(args)] : []));
  };
  return { options: { profilePrefix: join(folder, "profile") }, order, kernels: () => new Set(order()) };
}

function kernel({ provider, op_name, input_type_shape }: NonNullable<ProfileEvent["args"]>): string {
  const types = input_type_shape.map((type) => Object.keys(type)[0]).join(", ");
  return `${provider!.replace("ExecutionProvider", "")} ${op_name}(${types})`;
}
