import type { Failure } from "../api.ts";
import { useWords } from "../words_in_use.ts";

/** What went wrong, in the server's words. */
export function Fault({ failure }: { failure?: Failure }) {
  const { words } = useWords();
  if (!failure) return null;
  return (
    <p class="alert" role="alert">
      {faultText(failure, words)}
    </p>
  );
}

/** A browser says of a server that is gone only that something failed. */
export function faultText({ status, message }: Failure, words: { serverGone: string }): string {
  return status === undefined && /fetch|network/i.test(message) ? words.serverGone : message;
}
