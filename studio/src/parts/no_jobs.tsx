import { useWords } from "../words_in_use.ts";

/** What is said in the place of runs where the server keeps none. */
export function NoJobs({ title }: { title: string }) {
  const { words } = useWords();
  return (
    <>
      <h1>{title}</h1>
      <div class="stack">
        <section class="card">
          <p>{words.noJobs}</p>
          <pre class="code">
            <code>attune serve … --jobs jobs</code>
          </pre>
          <p class="note">{words.noJobsHint}</p>
        </section>
      </div>
    </>
  );
}
