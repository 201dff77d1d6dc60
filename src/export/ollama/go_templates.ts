/**
 * The built-in chat templates as Ollama has templates: Go's text/template over .System and .Messages, which hold the system
 * message as well. goldens/ollama/ has what Go makes of them.
 */
export interface TemplateTokens {
  /** "" where the runtime begins every text with the tokenizer's BOS itself, or there is none. */
  firstBos: string;
  bos: string;
  eos: string;
}

type GoTemplate = (tokens: TemplateTokens) => string;

/** Every message under its role's name, and what comes before an answer. */
const eachRole = (message: string, prompt: string): string =>
  `{{ $open := true }}{{ range .Messages }}${message}{{ $open = ne .Role "assistant" }}{{ end }}{{ if $open }}${prompt}{{ end }}`;

/** Turns of a user and of the assistant; `$system` is the system message until the first user's turn has taken it. */
const turns = (user: string, assistant: string, prompt = ""): string =>
  `{{ $system := .System }}{{ $open := true }}{{ range .Messages }}` +
  `{{ if eq .Role "user" }}${user}{{ $system = "" }}{{ $open = true }}` +
  `{{ else if eq .Role "assistant" }}${assistant}{{ $open = false }}{{ end }}{{ end }}` +
  (prompt === "" ? "" : `{{ if $open }}${prompt}{{ end }}`);

const inFront = (before: string, after: string) => `{{ if $system }}${before}{{ $system }}${after}{{ end }}`;

const VICUNA =
  "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions.";
const ALPACA =
  "Below is an instruction that describes a task. Write a response that appropriately completes the request.";

export const GO_TEMPLATES: Readonly<Record<string, GoTemplate>> = {
  chatml: () => eachRole("<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n", "<|im_start|>assistant\n"),
  llama2: ({ firstBos, bos, eos }) =>
    `{{ $bos := ${JSON.stringify(firstBos)} }}` +
    turns(
      `{{ $bos }}[INST] ${inFront("<<SYS>>\n", "\n<</SYS>>\n\n")}{{ .Content }} [/INST]{{ $bos = ${JSON.stringify(bos)} }}`,
      ` {{ .Content }} ${eos}`,
    ),
  llama3: ({ firstBos }) =>
    firstBos +
    eachRole(
      "<|start_header_id|>{{ .Role }}<|end_header_id|>\n\n{{ .Content }}<|eot_id|>",
      "<|start_header_id|>assistant<|end_header_id|>\n\n",
    ),
  mistral: ({ firstBos, eos }) =>
    firstBos + turns(`[INST] ${inFront("", "\n\n")}{{ .Content }} [/INST]`, ` {{ .Content }}${eos}`),
  gemma: ({ firstBos }) =>
    firstBos +
    turns(
      `<start_of_turn>user\n${inFront("", "\n\n")}{{ .Content }}<end_of_turn>\n`,
      "<start_of_turn>model\n{{ .Content }}<end_of_turn>\n",
      "<start_of_turn>model\n",
    ),
  phi3: () => eachRole("<|{{ .Role }}|>\n{{ .Content }}<|end|>\n", "<|assistant|>\n"),
  zephyr: ({ eos }) => eachRole(`<|{{ .Role }}|>\n{{ .Content }}${eos}\n`, "<|assistant|>\n"),
  vicuna: ({ firstBos, eos }) =>
    `${firstBos}{{ if .System }}{{ .System }}{{ else }}${VICUNA}{{ end }}` +
    turns(" USER: {{ .Content }}", ` ASSISTANT: {{ .Content }}${eos}`, " ASSISTANT:"),
  deepseek: ({ firstBos, eos }) =>
    `${firstBos}{{ if .System }}{{ .System }}\n\n{{ end }}` +
    turns("User: {{ .Content }}\n\n", `Assistant: {{ .Content }}${eos}`, "Assistant:"),
  alpaca: ({ eos }) =>
    `{{ if .System }}{{ .System }}{{ else }}${ALPACA}{{ end }}\n\n` +
    turns(
      "{{ if not $open }}\n\n{{ end }}### Instruction:\n{{ .Content }}\n\n",
      `### Response:{{ .Content }}${eos}`,
      "### Response:",
    ),
};
