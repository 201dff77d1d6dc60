import type { Message } from "../templates/message.ts";
import type { Example } from "./example.ts";

/** What an example says, without roles and templates: text to learn a vocabulary from. */
export function exampleTexts(example: Example): string[] {
  switch (example.kind) {
    case "text":
      return [example.text];
    case "completion":
      return [example.prompt, example.completion];
    case "conversation":
      return contents(example.messages);
    case "preference":
      return contents([...example.messages, example.chosen, example.rejected]);
    case "feedback":
      return contents([...example.messages, example.answer]);
    case "tokens":
      return [];
  }
}

const contents = (messages: readonly Message[]) =>
  messages.map(({ content }) => content).filter((content) => content !== "");
