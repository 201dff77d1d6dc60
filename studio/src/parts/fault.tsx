import type { Failure } from "../api.ts";
import { useWords } from "../words_in_use.ts";

/** What went wrong, in the server's words. */
export function Fault({ failure }: { failure?: Failure }) {
  const { words } = useWords();
  if (!failure) return null;
  const isGone = failure.status === undefined && /fetch|network/i.test(failure.message);
  return (
    <p class="alert" role="alert">
      {isGone ? words.serverGone : failure.message}
    </p>
  );
}
