import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import type { Message, Tool } from "../templates/message.ts";
import { goldenPath } from "../testing/goldens.ts";
import { type LoadedModel, type LoadModelOptions, loadModel } from "./load_model.ts";
import type { ChatOptions } from "./talk.ts";

const at = temporaryDirectory();
const MODEL = goldenPath("models/llama-gqa");
const question: Message[] = [{ role: "user", content: "Say hello to the reader." }];
const tools: Tool[] = [{ type: "function", function: { name: "weather", parameters: { type: "object" } } }];

/** ChatML that writes tools and knows a variable; it wants another one to be there. */
const TEMPLATE = `{% if tools %}<|im_start|>system
{{ tools | tojson }}<|im_end|>
{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% if enable_thinking is false %}no thought
{% endif %}{% endif %}`;

async function withModel<T>(
  use: (model: LoadedModel) => Promise<T>,
  options: LoadModelOptions = {},
  path = MODEL,
) {
  const model = await loadModel(path, { threads: 1, ...options });
  try {
    return await use(model);
  } finally {
    await model.release();
  }
}

function writeTemplate(source = TEMPLATE): string {
  writeFileSync(at("template.jinja"), source);
  return at("template.jinja");
}

describe("what a template is given", () => {
  const lengths = (options: ChatOptions) =>
    withModel(
      async (model) => {
        const one = await model.chat(question, { maxTokens: 1, temperature: 0, ...options });
        const [side] = await model.chatBatch([question], { maxTokens: 1, ...options });
        expect(side).toEqual(one);
        return one.promptTokens;
      },
      { template: writeTemplate() },
    );
  const tokensOf = (text: string) => withModel(async ({ tokenizer }) => tokenizer.encode(text).ids.length);

  test("tools are written", async () => {
    const text = `<|im_start|>system\n${'[{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]'}<|im_end|>\n`;
    expect(await lengths({ tools })).toBe((await lengths({})) + (await tokensOf(text)));
  });

  test("variables count", async () => {
    const plain = await lengths({ chatTemplateKwargs: { enable_thinking: true } });
    expect(plain).toBe(await lengths({}));
    const without = await lengths({ chatTemplateKwargs: { enable_thinking: false } });
    expect(without).toBe(plain + (await tokensOf("no thought\n")));
  });

  test("the end of a turn is found under a variable the template insists on", async () => {
    const strict = `{% if style is undefined %}{{ raise_exception("no style") }}{% endif %}${TEMPLATE}`;
    await withModel(
      async (model) => {
        await expect(model.chat(question, { maxTokens: 1 })).rejects.toThrow("no style");
        const { ids } = await model.chat(question, { maxTokens: 1, chatTemplateKwargs: { style: "dry" } });
        expect(ids).toHaveLength(1);
      },
      { template: writeTemplate(strict) },
    );
  });

  test("tools that the template leaves out are refused, and so is a variable that the conversation sets", async () => {
    await withModel(async (model) => {
      const asked = (options: ChatOptions) => model.chat(question, { maxTokens: 1, ...options });
      await expect(asked({ tools })).rejects.toThrow(/template chat: it writes no tools/);
      await expect(asked({ tools: [] })).resolves.toBeDefined();
      await expect(asked({ chatTemplateKwargs: { messages: [] } })).rejects.toThrow(/messages: given with/);
      await expect(asked({ chatTemplateKwargs: { enable_thinkng: true } })).rejects.toThrow(
        /template chat: it has no variable "enable_thinkng"/,
      );
    });
  });
});

describe("a conversation beyond the context", () => {
  const long = (letter: string, count: number): Message[] => [
    { role: "user", content: letter.repeat(count) },
    { role: "assistant", content: "yes" },
  ];
  const system: Message = { role: "system", content: "Be brief." };
  const conversation = [system, ...long("a ", 200), ...long("b ", 80), ...question];

  test("loses its oldest turns where the caller wants to know, and is an error where not", async () => {
    await withModel(async (model) => {
      const dropped: number[] = [];
      const onDroppedTurns = (count: number) => dropped.push(count);
      const answer = await model.chat(conversation, { maxTokens: 2, temperature: 0, onDroppedTurns });
      const kept = conversation.toSpliced(1, 2);
      expect(answer).toEqual(await model.chat(kept, { maxTokens: 2, temperature: 0 }));
      expect(dropped).toEqual([2]);
      await expect(model.chat(conversation)).rejects.toThrow(/made for 512 \(max_position_embeddings\)/);
    });
  });

  test("keeps what fits, and a message that is too long by itself is an error", async () => {
    await withModel(async (model) => {
      const never = () => {
        throw new Error("something was dropped");
      };
      await model.chat(conversation.slice(3), { maxTokens: 2, onDroppedTurns: never });
      const message: Message[] = [system, ...long("a ", 40), { role: "user", content: "c ".repeat(600) }];
      const asked = model.chat(message, { onDroppedTurns: () => {} });
      await expect(asked).rejects.toThrow(/the prompt has \d+ tokens; the model was made for 512/);
    });
  });

  test("fits the model's own max_length, too", async () => {
    cpSync(MODEL, at("model"), { recursive: true });
    writeFileSync(at("model", "generation_config.json"), '{"max_length": 100}');
    await withModel(
      async (model) => {
        const dropped: number[] = [];
        const { ids, promptTokens } = await model.chat([...long("a ", 20), ...long("b ", 12), ...question], {
          onDroppedTurns: (count) => dropped.push(count),
        });
        expect(promptTokens + ids.length).toBeLessThanOrEqual(100);
        expect(dropped).toEqual([2]);
      },
      {},
      at("model"),
    );
  });
});

test("an adapter that isn't there is told, also when nothing was asked before", async () => {
  await withModel(async (model) => {
    await expect(model.chat(question, { adapter: "none" })).rejects.toThrow(/no adapter "none"/);
    await expect(model.chatBatch([question], { adapter: "none" })).rejects.toThrow(/no adapter "none"/);
  });
});

describe("an output that is not a number", () => {
  /** A copy of the model with one number of a weight replaced. */
  function damaged(name: string, value: number): string {
    cpSync(MODEL, at("damaged"), { recursive: true });
    const file = join(at("damaged"), "model.safetensors");
    const bytes = readFileSync(file);
    const data = 8 + Number(bytes.readBigUInt64LE());
    const [start] = JSON.parse(bytes.toString("utf8", 8, data))[name].data_offsets;
    bytes.writeFloatLE(value, data + start);
    writeFileSync(file, bytes);
    return at("damaged");
  }

  test.each([
    ["model.layers.1.mlp.up_proj.weight", Number.NaN],
    ["model.norm.weight", Number.POSITIVE_INFINITY],
    ["lm_head.weight", Number.NaN], // of one token's logit alone
  ])("names %s, which holds %d", async (name, value) => {
    await withModel(
      async (model) => {
        const message = new RegExp(
          `model\\.safetensors: the base's ${name.replaceAll(".", "\\.")} is ${value}`,
        );
        for (const temperature of [0, 1])
          await expect(model.chat(question, { maxTokens: 2, temperature })).rejects.toThrow(message);
        await expect(model.chatBatch([question], { maxTokens: 2 })).rejects.toThrow(message);
      },
      {},
      damaged(name, value),
    );
  });

  test("blames the computation where all weights are numbers", async () => {
    await withModel(
      (model) =>
        expect(model.chat(question, { maxTokens: 2 })).rejects.toThrow(/although all of its own weights are/),
      {},
      damaged("model.norm.weight", 3e38),
    );
  });
});
