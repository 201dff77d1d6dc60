import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { chatTemplate } from "../../../src/templates/chat_template.ts";
import { renderConversation } from "../../../src/templates/label_conversation.ts";
import type { Message } from "../../../src/templates/message.ts";
import { input, inRepository, onlyFile } from "../files.ts";
import type { Target } from "../target.ts";

const call = { id: "call_1", name: "weather", arguments: { place: "bay", days: 2 } };
const CONVERSATIONS: Message[][] = [
  [
    { role: "user", content: "Hi" },
    { role: "assistant", content: "Hello." },
  ],
  [
    { role: "system", content: "Be short." },
    { role: "user", content: "Hi <|im_end|> {{ x }}" },
    { role: "assistant", content: "Hello." },
  ],
  [
    { role: "user", content: "Weather?" },
    { role: "assistant", content: "", toolCalls: [call] },
    { role: "tool", content: '{"wind": 3}', name: "weather", toolCallId: "call_1" },
    { role: "assistant", content: "Windy." },
  ] as Message[],
];
const tools = [
  {
    type: "function",
    function: { name: "weather", description: "Looks it up", parameters: { type: "object", properties: {} } },
  },
] as never;
const specialTokens = { bos: "<s>", eos: "</s>", unk: "<unk>", pad: "<pad>" };
const WORDS = [
  ..."{% for x in range(1000000) %} | {% endfor %} | {% set x = [x, x] %} | {% set ns = namespace(a=1) %} | {% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}".split(
    " | ",
  ),
  ..."{{ 'a' * 100000000 }} | {{ range(10**9) | list }} | {{ messages * 1000 }} | {{ messages | tojson(indent=2) }} | {{ x.__proto__.y }}".split(
    " | ",
  ),
  ..."{{ ''.join(['a'] * 10**7) }} | {{ '%s' % messages }} | {{ 9**9**9 }} | {{ [1,2,3][::-1] }} | {{ raise_exception('no') }} | {{ strftime_now('%d') }}".split(
    " | ",
  ),
  ..."{% generation %} {% endgeneration %} {% if x is defined %} {% else %} {% endif %} {{ loop.index }} {%- -%} {# #} {{ messages[0].content[-5:] }}".split(
    " ",
  ),
  ..."|trim |upper |length |join(',') |map(attribute='a') |selectattr('a','equalto',1) |list |unique |sort |replace('a','b'*9999) ~ ** // % in not and or".split(
    " ",
  ),
];

export const template: Target = {
  name: "template",
  async valid() {
    const goldens = inRepository("src/templates/goldens/");
    const names = readdirSync(goldens).filter((name) => name.endsWith(".jinja"));
    return names.map((name) => input({ [name]: readFileSync(goldens + name) }));
  },
  words: WORDS,
  async read(directory, draw) {
    const file = onlyFile(directory);
    const template = chatTemplate(readFileSync(file, "utf8"), specialTokens, {
      name: basename(file),
      now: new Date(0),
    });
    const messages = draw.pick(CONVERSATIONS);
    template.render({ messages, tools }, { addGenerationPrompt: true });
    renderConversation({ messages, tools }, template);
  },
};
