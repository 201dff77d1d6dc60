/** A recipe's settings of an adapter, where it is a new one of LoRA's kind. */
export const asLora = <T extends object>(adapter: T | undefined): Extract<T, { type: "lora" }> | undefined =>
  adapter && "type" in adapter && adapter.type === "lora"
    ? (adapter as Extract<T, { type: "lora" }>)
    : undefined;
