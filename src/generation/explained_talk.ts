import { AttuneError } from "../text/errors.ts";
import { NOT_A_NUMBER } from "./sample.ts";
import type { Talk } from "./talk.ts";

/** Finds out why the model's output is not a number: nothing where it can't tell. */
export type Explain = () => Promise<AttuneError | undefined>;

/** The same talk, but for the error about an output that is not a number: it is what `explain` says. */
export function explainedTalk(talk: Talk, explain: Explain): Talk {
  const reasonOf = async (error: unknown): Promise<unknown> =>
    error instanceof AttuneError && error.code === NOT_A_NUMBER ? ((await explain()) ?? error) : error;
  const explained = async <T>(answer: Promise<T>): Promise<T> => {
    try {
      return await answer;
    } catch (error) {
      throw await reasonOf(error);
    }
  };
  return {
    chat: (...asked) => explained(talk.chat(...asked)),
    chatBatch: (...asked) => explained(talk.chatBatch(...asked)),
    completeBatch: (...asked) => explained(talk.completeBatch(...asked)),
    complete: (...asked) => explained(talk.complete(...asked)),
    readPrompt: talk.readPrompt,
    async *generate(...asked) {
      try {
        return yield* talk.generate(...asked);
      } catch (error) {
        throw await reasonOf(error);
      }
    },
  };
}
