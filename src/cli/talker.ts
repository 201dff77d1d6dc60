import type { Message } from "../templates/message.ts";

/** Gets the answer to a conversation; its text comes piece by piece. */
export type Ask = (
  messages: readonly Message[],
  options: {
    onText: (piece: string) => void;
    /** Called with how many of the oldest messages were left out because all were too long together. */
    onDroppedTurns: (messages: number) => void;
    signal: AbortSignal;
  },
) => Promise<unknown>;

export interface Talker {
  /** Answers, and remembers the conversation. The text comes piece by piece; a line break ends it. */
  answer(content: string): Promise<void>;
  /** Ends the answer under way; false when there is none. */
  interrupt(): boolean;
  /** Forgets the conversation. */
  reset(): void;
}

export interface TalkerOptions {
  ask: Ask;
  /** What every conversation begins with. */
  opening: readonly Message[];
  /** Whether a message is asked along with the conversation so far. */
  remembers: boolean;
  write(text: string): void;
  /** Tells once in a conversation that its oldest turns are left out from now on. */
  onForgetting(): void;
}

/** A conversation's state: its messages, and the answer under way. */
export function createTalker({ ask, opening, remembers, write, onForgetting }: TalkerOptions): Talker {
  let said = [...opening];
  let forgets = false;
  let under: AbortController | undefined;
  return {
    async answer(content) {
      const messages: Message[] = [...said, { role: "user", content }];
      const controller = new AbortController();
      under = controller;
      let [text, dropped] = ["", 0];
      const onText = (piece: string) => {
        text += piece;
        write(piece);
      };
      const onDroppedTurns = (count: number) => {
        dropped = count;
        if (!forgets) onForgetting();
        forgets = true;
      };
      try {
        await ask(messages, { onText, onDroppedTurns, signal: controller.signal });
      } catch (error) {
        if (!controller.signal.aborted) {
          if (text !== "") write("\n");
          throw error;
        }
      } finally {
        under = undefined;
      }
      write("\n");
      if (!remembers) return;
      const kept = messages.toSpliced(opening.length, dropped);
      said = [...kept, { role: "assistant", content: text }];
    },
    interrupt() {
      under?.abort();
      return under !== undefined;
    },
    reset() {
      said = [...opening];
      forgets = false;
    },
  };
}
