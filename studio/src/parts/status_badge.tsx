import type { FineTuningJob } from "../api_types.ts";
import { useWords } from "../words_in_use.ts";

export function StatusBadge({ status }: { status: FineTuningJob["status"] }) {
  const { words } = useWords();
  return <span class={`badge ${status}`}>{words.statuses[status]}</span>;
}
