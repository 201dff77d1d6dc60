/** What converters put behind a model's name: the form its weights have in their copy. */
const FORMS =
  /[-_.](unsloth|bnb|gptq|awq|gguf|mlx|hf|fp8|fp16|bf16|int4|int8|nf4|w4a16|w8a8|w8a16|dynamic|quantized|[48]-?bits?|q[2-8](-[01k](-[sml])?)?|g\d+)$/;

/**
 * Whether two names on a hub are of one model, other owners' copies and quantized ones included:
 * Qwen/Qwen2.5-0.5B and unsloth/qwen2.5-0.5b-unsloth-bnb-4bit.
 */
export const isSameModel = (a: string, b: string): boolean => bareModelName(a) === bareModelName(b);

/** org/Name-0.5B-bnb-4bit → name-0.5b */
export function bareModelName(name: string): string {
  let bare = name
    .toLowerCase()
    .split("/")
    .at(-1)!
    .replace(/_/g, "-")
    .replace(/^meta-/, "");
  while (FORMS.test(bare)) bare = bare.replace(FORMS, "");
  return bare;
}
