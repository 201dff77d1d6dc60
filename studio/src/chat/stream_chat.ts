import { send } from "../api.ts";

export interface Message {
  role: "system" | "user" | "assistant";
  content: string;
}

export interface ChatSettings {
  temperature?: number;
  max_tokens?: number;
}

/** Asks a model, and gives its answer piece by piece. @throws ApiFailure */
export async function streamChat(
  model: string,
  messages: readonly Message[],
  settings: ChatSettings,
  { onText, signal }: { onText(text: string): void; signal: AbortSignal },
): Promise<void> {
  const response = await send("/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, messages, stream: true, ...settings }),
    signal,
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const lines = (rest + part.value).split("\n");
    rest = lines.pop()!;
    for (const line of lines) readLine(line, onText);
  }
}

function readLine(line: string, onText: (text: string) => void): void {
  if (!line.startsWith("data: ") || line === "data: [DONE]") return;
  const { choices, error } = JSON.parse(line.slice("data: ".length));
  if (error) throw new Error(error.message);
  const text = choices?.[0]?.delta?.content;
  if (typeof text === "string") onText(text);
}
