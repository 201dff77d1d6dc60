import * as z from "zod";

/** How frozen weights of linear layers are kept: QLoRA's (Dettmers et al. 2023) 4 bits, or 8 bits by output channel. */
export const quantizationSettings = z
  .strictObject({
    type: z
      .enum(["nf4", "fp4", "int8"])
      .describe("4 bits (nf4 fits normal weights best, fp4), or int8 by output channel."),
    doubleQuant: z
      .boolean()
      .optional()
      .describe("Quantize the scales of 4 bits, too; true unless it says false."),
  })
  .refine(({ type, doubleQuant }) => type !== "int8" || doubleQuant !== true, {
    path: ["doubleQuant"],
    error: "int8 has one scale a channel: there is nothing to quantize twice",
  })
  .describe("Frozen weights of linear layers, quantized when the run starts.");

export type QuantizationSettings = z.output<typeof quantizationSettings>;

export const isDouble = ({ type, doubleQuant = true }: QuantizationSettings): boolean =>
  type !== "int8" && doubleQuant;

/** As messages call it: "nf4 with double quantization". */
export const describeQuantization = (settings: QuantizationSettings): string =>
  `${settings.type}${isDouble(settings) ? " with double quantization" : ""}`;
