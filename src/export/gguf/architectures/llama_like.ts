import type { ActivationName } from "../../../models/config.ts";
import type { HeadSizes } from "../../../models/layers.ts";
import type { RopeParameters } from "../../../models/rope_config.ts";
import { type Description, requireActivation, type Sizes, setRmsNorm, setSizes } from "./description.ts";
import { setRope } from "./rope.ts";

type Fields = Sizes & { rms_norm_eps: number; hidden_act: ActivationName };

interface Rotation {
  rope: RopeParameters;
  /** Whether the architecture reads a factor for each frequency, from tensors. */
  factors?: boolean;
}

/** What architectures with Llama's RMS norms and SiLU have alike: sizes, norm, rotation, activation. */
export function setLlamaLike(
  to: Description,
  c: Fields,
  heads: HeadSizes,
  { rope, factors }: Rotation,
): void {
  setSizes(to, c, heads);
  setRmsNorm(to, c.rms_norm_eps);
  setRope(to, rope, { E: heads.E, factors });
  requireActivation(to, "hidden_act", c.hidden_act, "silu");
}
