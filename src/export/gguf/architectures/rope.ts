/** Rotary embedding as llama.cpp has it. */

import type { RopeParameters } from "../../../models/rope_config.ts";
import { inverseFrequencies } from "../../../models/rotary.ts";
import { f32, textValue, u32 } from "../gguf_header.ts";
import { type Description, setAll } from "./description.ts";

interface RopeReads {
  /** Size of a head. */
  E: number;
  /** Whether the architecture reads a factor for each frequency, from tensors. */
  factors?: boolean;
  /** Where config.json has the rotation's settings. */
  place?: string;
}

export function setRope(
  to: Description,
  rope: RopeParameters,
  { E, factors = false, place = "rope_parameters" }: RopeReads,
): void {
  const size = Math.trunc(E * rope.rotated);
  setAll(to, { "rope.dimension_count": u32(size), "rope.freq_base": f32(rope.theta) });
  if (rope.type === "default") return;
  if (rope.type === "linear")
    setAll(to, { "rope.scaling.type": textValue("linear"), "rope.scaling.factor": f32(rope.factor) });
  else if (rope.type === "yarn") setYarn(to, rope, size, place);
  else if (factors && rope.type === "llama3") setLlama3(to, rope, size);
  else if (factors && rope.type === "longrope") setLongrope(to, rope);
  else
    to.faults.push({
      place: `${place}.rope_type`,
      problem: `llama.cpp has no such rotation for ${to.name}`,
      got: JSON.stringify(rope.type),
    });
}

type Yarn = RopeParameters & { type: "yarn" };

/** llama.cpp multiplies by 0.1·ln(factor) + 1 itself. */
function setYarn(to: Description, rope: Yarn, size: number, place: string): void {
  requireUsualRange(to, rope, size, place);
  const own = rope.factor > 1 ? 0.1 * Math.log(rope.factor) + 1 : 1;
  setAll(to, {
    "rope.scaling.type": textValue("yarn"),
    "rope.scaling.factor": f32(rope.factor),
    "rope.scaling.original_context_length": u32(rope.originalMaxPositions),
    "rope.scaling.attn_factor": f32(rope.attentionFactor / own),
    "rope.scaling.yarn_beta_fast": f32(rope.betaFast),
    "rope.scaling.yarn_beta_slow": f32(rope.betaSlow),
  });
}

/** llama.cpp's names of architectures of which it reads YaRN's range. */
const WITH_RANGE: readonly string[] = ["mistral3"];

/** Of others llama.cpp takes the usual range; it rounds all to whole dimensions. Another may come to the same frequencies. */
function requireUsualRange(to: Description, rope: Yarn, size: number, place: string): void {
  const { betaFast, betaSlow } = rope;
  const usual = WITH_RANGE.includes(to.name) ? { betaFast, betaSlow } : { betaFast: 32, betaSlow: 1 };
  const isAs = (other: Yarn) => {
    const wanted = inverseFrequencies(rope, size);
    return inverseFrequencies(other, size).every((f, i) => Math.abs(f - wanted[i]!) < 1e-6 * f);
  };
  if (isAs({ ...rope, ...usual, truncate: true })) return;
  if (!rope.truncate)
    to.faults.push({
      place: `${place}.truncate`,
      problem: "llama.cpp rounds YaRN's range to whole dimensions",
      got: "false",
      wayOut: "If frequencies may differ a little, set it to true in a copy of the model",
    });
  if (betaFast !== usual.betaFast || betaSlow !== usual.betaSlow)
    to.faults.push({
      place: `${place}.beta_fast, beta_slow`,
      problem: `llama.cpp computes ${to.name} with YaRN's usual range`,
      expected: "32, 1",
      got: `${betaFast}, ${betaSlow}`,
    });
}

function setLongrope(to: Description, rope: RopeParameters & { type: "longrope" }): void {
  setAll(to, {
    "rope.scaling.type": textValue("longrope"),
    "rope.scaling.original_context_length": u32(rope.originalMaxPositions),
    "rope.scaling.attn_factor": f32(rope.attentionFactor),
  });
  setFactors(to, "rope_factors_long.weight", rope.longFactors);
  setFactors(to, "rope_factors_short.weight", rope.shortFactors);
}

/** llama.cpp divides each frequency by its factor. */
function setLlama3(to: Description, rope: RopeParameters & { type: "llama3" }, size: number): void {
  const plain = inverseFrequencies({ type: "default", theta: rope.theta, rotated: rope.rotated }, size);
  const scaled = inverseFrequencies(rope, size);
  setFactors(
    to,
    "rope_freqs.weight",
    plain.map((frequency, i) => frequency / scaled[i]!),
  );
}

const setFactors = (to: Description, name: string, factors: readonly number[]) =>
  to.extras.set(name, { shape: [factors.length], values: Float32Array.from(factors) });
