import { selfCheck } from "../runtime/self_check.ts";
import type { Device, OpenSession } from "../runtime/session.ts";
import { AttuneError } from "../text/errors.ts";
import type { Recipe } from "./recipe.ts";

/** Where a recipe's `compute` runs; float32 runs everywhere. */
const DEVICE = { int8: "cpu", float16: "webgpu" } as const;

/** @throws AttuneError where a recipe asks for products that a device doesn't have. */
export async function requireComputeDevice(
  recipe: Pick<Recipe, "compute">,
  device: Device,
  open: OpenSession,
): Promise<void> {
  checkComputeDevice(recipe, device);
  if (recipe.compute === "float16") await selfCheck(open, device, { half: true });
}

/** The same by the device's name alone. @throws AttuneError that says which one it takes. */
export function checkComputeDevice({ compute }: Pick<Recipe, "compute">, device: Device): void {
  if (!compute || compute === "float32" || device === DEVICE[compute]) return;
  throw new AttuneError({
    code: "training.compute-device",
    place: "compute",
    problem: `${compute} runs on ${DEVICE[compute]}, and the device is ${device}`,
    wayOut: `Leave compute out, or use device: ${DEVICE[compute]}`,
  });
}
