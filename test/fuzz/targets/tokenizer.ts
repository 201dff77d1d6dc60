import { readFileSync } from "node:fs";
import { openBase, openTemplate } from "../../../src/pretrained/base.ts";
import { streamDecoder } from "../../../src/tokenizers/stream_decoder.ts";
import { filesIn, input, inRepository } from "../files.ts";
import type { Target } from "../target.ts";

const TEXTS = [
  "",
  " Hello  wörld\n\n  it's 12345 <s></s> <|im_end|> <mask> 你好 😀 e\u0301\u0301 x\ufeff\u0085y ",
  "a".repeat(3000),
  `${" ".repeat(3000)}\n`,
  `e${"\u0301\u0316".repeat(1500)}`,
];

export const tokenizer: Target = {
  name: "tokenizer",
  async valid() {
    const llama = readFileSync(inRepository("goldens/models/llama-gqa/config.json"), "utf8");
    const config = JSON.stringify({ ...JSON.parse(llama), vocab_size: 1000 });
    const golden = JSON.parse(readFileSync(inRepository("src/tokenizers/goldens/encode.json"), "utf8"));
    const added = JSON.parse(readFileSync(inRepository("src/tokenizers/goldens/added_tokens.json"), "utf8"));
    const kinds: { json: { decoder?: unknown } }[] = [
      ...Object.values(golden.kinds),
      ...Object.values(added.kinds),
    ] as never;
    const named = { bos_token: "<s>", eos_token: { content: "</s>" }, pad_token: null, unk_token: "<unk>" };
    const more = {
      additional_special_tokens: ["<mask>"],
      added_tokens_decoder: { "900": { content: "<new>", special: true, lstrip: true } },
      chat_template: "{% for m in messages %}{{ m.content }}{% endfor %}",
      add_bos_token: true,
    };
    const made = kinds.map(({ json }) =>
      input({
        "config.json": config,
        "tokenizer.json": JSON.stringify({ ...json, decoder: json.decoder ?? { type: "ByteLevel" } }),
        "tokenizer_config.json": JSON.stringify({ ...named, ...more }),
        "special_tokens_map.json": JSON.stringify(named),
      }),
    );
    const others = ["possessive", "rstrip"].map((name) => filesIn(`test/cases/models/${name}`));
    return [...made, ...others];
  },
  keeps: (path) => path === "config.json" || path.endsWith(".jinja"),
  async read(directory) {
    const base = await openBase(directory, { weights: "optional" });
    for (const text of TEXTS) {
      const { ids } = base.tokenizer.encode(text, { addBos: true });
      base.tokenizer.decode(ids, { skipSpecialTokens: true });
      const stream = streamDecoder(base.tokenizer);
      for (const id of ids) stream.push(id);
      stream.flush();
    }
    await openTemplate(base);
  },
};
