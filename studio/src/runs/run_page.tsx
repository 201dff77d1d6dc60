import { useEffect, useState } from "preact/hooks";
import { count, gigabytes, loss as shownLoss } from "../../../web/format.ts";
import { type Failure, failureOf, post, remove } from "../api.ts";
import type { List, RunView, StudioTask } from "../api_types.ts";
import { CopyButton } from "../parts/copy_button.tsx";
import { Fault } from "../parts/fault.tsx";
import { ProgressBar } from "../parts/progress_bar.tsx";
import { ScrollBox } from "../parts/scroll_box.tsx";
import { StatusBadge } from "../parts/status_badge.tsx";
import { Tiles } from "../parts/tiles.tsx";
import { goTo, linkTo } from "../router.ts";
import { loadModels } from "../server.ts";
import { timeSpan } from "../time_span.ts";
import { usePolled } from "../use_polled.ts";
import { useWords } from "../words_in_use.ts";
import { AnswersPart } from "./answers_part.tsx";
import { CurvesPart } from "./curves_part.tsx";
import { EvaluationPart } from "./evaluation_part.tsx";
import { ExportPart } from "./export_part.tsx";
import { runNews } from "./run_news.ts";
import { runName, when } from "./run_words.ts";

const isLive = ({ job: { status } }: RunView) => status === "queued" || status === "running";
const isOpen = ({ status }: StudioTask) => status === "queued" || status === "running";

/** A run, from its first step to what is made of it. */
export function RunPage({ id }: { id: string }) {
  const { words, language } = useWords();
  const run = usePolled<RunView>(`/attune/runs/${id}`, (value) => (isLive(value) ? 1000 : 0), runNews);
  const tasks = usePolled<List<StudioTask>>("/attune/tasks", ({ data }) => (data.some(isOpen) ? 1000 : 0));
  const own = (tasks.value?.data ?? []).filter(({ job }) => job === id);
  const open = own.filter(isOpen).length;
  const status = run.value?.job.status;
  useEffect(() => {
    if (status === "succeeded") void loadModels().catch(() => {});
  }, [status]);
  useEffect(() => run.again(), [open]); // what a task has made is the run's
  const again = () => {
    run.again();
    tasks.again();
  };
  const { value } = run;
  const back = (
    <p class="crumb">
      <a href={linkTo.runs}>← {words.runs}</a>
    </p>
  );
  if (!value && run.failure)
    return (
      <>
        {back}
        <h1>{words.runs}</h1>
        <Fault failure={run.failure} />
      </>
    );
  if (!value) return null;
  const { job } = value;
  return (
    <>
      {back}
      <div class="title-line">
        <h1>{runName(job)}</h1>
        <StatusBadge status={job.status} />
      </div>
      <p class="lead">
        {when(job.created_at, language)} · {words.onModel(job.model)}
      </p>
      <div class="stack">
        <ProgressPart run={value} again={again} failure={run.failure} />
        <CurvesPart run={value} />
        <AnswersPart answers={value.answers} />
        <EvaluationPart run={value} tasks={own} again={again} />
        {job.fine_tuned_model && <ChatPart model={job.fine_tuned_model} />}
        <ExportPart run={value} tasks={own} again={again} />
        <DetailsPart run={value} />
        <RemovePart run={value} />
      </div>
    </>
  );
}

/** Asks once more before it removes what can't be had again. */
function RemovePart({ run: { job } }: { run: RunView }) {
  const { words } = useWords();
  const [failure, setFailure] = useState<Failure>();
  if (job.status === "queued" || job.status === "running") return null;
  const removeIt = async () => {
    if (!confirm(words.removeRunSure)) return;
    try {
      await remove(`/attune/runs/${job.id}`);
      void loadModels().catch(() => {});
      goTo(linkTo.runs);
    } catch (error) {
      setFailure(failureOf(error));
    }
  };
  return (
    <div>
      <Fault failure={failure} />
      <button type="button" class="bad" onClick={() => void removeIt()}>
        {words.removeRun}
      </button>
    </div>
  );
}

interface ProgressPartProps {
  run: RunView;
  failure?: Failure;
  again(): void;
}

function ProgressPart({ run, again, failure }: ProgressPartProps) {
  const { words, language } = useWords();
  const { job, progress, curves, summary } = run;
  const [moveFailure, setFailure] = useState<Failure>();
  const move = async (verb: string) => {
    try {
      await post(`/v1/fine_tuning/jobs/${job.id}/${verb}`);
      setFailure(undefined);
    } catch (error) {
      setFailure(failureOf(error));
    }
    again();
  };
  const total = progress?.total_steps ?? undefined;
  const step = progress?.step ?? 0;
  const text = total
    ? words.stepOf(count(step, language), count(total, language))
    : isLive(run)
      ? words.preparing
      : "";
  const last = (name: string) => curves[name]?.values.findLast((value) => value !== null);
  const [loss, heldOut, rate] = [last("loss"), last("evalLoss"), last("learningRate")];
  const live = isLive(run);
  return (
    <section class="card" aria-labelledby="progress-title">
      <div class="title-line">
        <h2 id="progress-title">{words.progress}</h2>
        <div class="buttons">
          {live && (
            <button type="button" onClick={() => void move("pause")}>
              {words.pause}
            </button>
          )}
          {job.status === "paused" && (
            <button type="button" class="main" onClick={() => void move("resume")}>
              {words.resume}
            </button>
          )}
          {(live || job.status === "paused") && (
            <button type="button" class="bad" onClick={() => void move("cancel")}>
              {words.cancel}
            </button>
          )}
        </div>
      </div>
      <ProgressBar label={words.progress} share={total ? step / total : live ? undefined : 0} text={text} />
      <p class="note">{job.status === "queued" && step === 0 ? words.waiting : text}</p>
      <p class="visually-hidden" role="status">
        {words.statuses[job.status]}
      </p>
      <Fault failure={moveFailure ?? failure} />
      {job.error && (
        <p class="alert" role="alert" lang="en">
          {job.error.message}
        </p>
      )}
      {job.error && (
        <a class="button" href={linkTo.new}>
          {words.newRun}
        </a>
      )}
      <Tiles
        tiles={[
          { name: words.loss, value: loss && shownLoss(loss) },
          { name: words.heldOutLoss, value: heldOut && shownLoss(heldOut) },
          { name: words.rate, value: live && rate?.toExponential(1) },
          {
            name: words.speed,
            value: progress?.tokens_per_second && count(Math.round(progress.tokens_per_second), language),
          },
          {
            name: words.left,
            value: live && progress?.seconds_left != null && timeSpan(progress.seconds_left, language),
          },
          { name: words.took, value: !live && summary && timeSpan(summary.seconds, language) },
          {
            name: words.memory,
            value:
              !live && summary && summary.peakMemoryBytes > 0 && gigabytes(summary.peakMemoryBytes, language),
          },
        ]}
      />
    </section>
  );
}

function ChatPart({ model }: { model: string }) {
  const { words } = useWords();
  return (
    <section class="card row-card">
      <div>
        <h2>{words.chat}</h2>
        <p class="note">
          {words.servedAs} <code>{model}</code>
        </p>
      </div>
      <a class="button main" href={linkTo.chat}>
        {words.chatWith}
      </a>
    </section>
  );
}

function DetailsPart({ run: { yaml, path, damaged } }: { run: RunView }) {
  const { words } = useWords();
  return (
    <section class="card" aria-labelledby="details-title">
      <h2 id="details-title">{words.details}</h2>
      <p class="path-line">
        <span class="note">{words.directory}</span> <code>{path}</code>{" "}
        <CopyButton text={path} label={words.copyPath} />
      </p>
      {damaged.map((text) => (
        <p key={text} class="alert" lang="en">
          {text}
        </p>
      ))}
      {yaml && (
        <details>
          <summary>{words.recipe}</summary>
          <div class="with-copy">
            <ScrollBox class="code" label={words.recipe}>
              <pre>
                <code>{yaml}</code>
              </pre>
            </ScrollBox>
            <CopyButton text={yaml} />
          </div>
        </details>
      )}
    </section>
  );
}
