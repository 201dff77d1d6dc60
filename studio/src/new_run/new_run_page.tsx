import { DropTarget } from "../../../web/drop_target.tsx";
import { server } from "../server.ts";
import { useWords } from "../words_in_use.ts";
import { DataPart } from "./data_part.tsx";
import { EstimatePart } from "./estimate_part.tsx";
import { plan, takeFile } from "./plan.ts";
import { RecipePart } from "./recipe_part.tsx";
import { StartPart } from "./start_part.tsx";

/** From a file to a run that is started. */
export function NewRunPage() {
  const { words } = useWords();
  const { about } = server.use();
  const current = plan.use();
  if (about && !about.has_jobs) return <NoJobs />;
  return (
    <>
      <DropTarget words={words} take={takeDropped} />
      <h1>{words.newRun}</h1>
      <p class="lead">{words.newRunLead}</p>
      <div class="stack">
        <DataPart plan={current} />
        {current.suggestion && (
          <>
            <RecipePart plan={current} />
            <EstimatePart plan={current} />
            <StartPart plan={current} />
          </>
        )}
      </div>
    </>
  );
}

const takeDropped = ({ files: [file] }: DataTransfer) => file && takeFile(file);

function NoJobs() {
  const { words } = useWords();
  return (
    <>
      <h1>{words.newRun}</h1>
      <section class="card">
        <p>{words.noJobs}</p>
        <pre class="code">
          <code>attune serve … --jobs jobs</code>
        </pre>
        <p class="note">{words.noJobsHint}</p>
      </section>
    </>
  );
}
