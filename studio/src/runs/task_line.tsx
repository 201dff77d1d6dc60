import { post } from "../api.ts";
import type { StudioTask } from "../api_types.ts";
import { ProgressBar } from "../parts/progress_bar.tsx";
import { useWords } from "../words_in_use.ts";

/** Work of its own process, while it lasts, and how it failed. */
export function TaskLine({ task, name, again }: { task: StudioTask; name: string; again(): void }) {
  const { words } = useWords();
  const { status, progress, error, id } = task;
  if (status === "failed")
    return (
      <p class="alert" role="alert" lang="en">
        {words.said(name, error?.message ?? "")}
      </p>
    );
  if (status !== "queued" && status !== "running") return null;
  const text = status === "queued" ? words.waiting : words.atWork;
  return (
    <div class="task">
      <div class="title-line">
        <span role="status">{words.said(name, text)}</span>
        <button
          type="button"
          class="small"
          onClick={() => void post(`/attune/tasks/${id}/cancel`).then(again, again)}
        >
          {words.cancel}
        </button>
      </div>
      <ProgressBar label={name} share={status === "queued" ? 0 : (progress ?? undefined)} />
    </div>
  );
}
