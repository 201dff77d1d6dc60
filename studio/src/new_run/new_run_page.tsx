import { DropTarget } from "../../../web/drop_target.tsx";
import { useWords } from "../words_in_use.ts";
import { DataPart } from "./data_part.tsx";
import { EstimatePart } from "./estimate_part.tsx";
import { plan, takeFile } from "./plan.ts";
import { RecipePart } from "./recipe_part.tsx";
import { StartPart } from "./start_part.tsx";

/** From a file to a run that is started. */
export function NewRunPage() {
  const { words } = useWords();
  const current = plan.use();
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
