import { count } from "../../../web/format.ts";
import { Fault } from "../parts/fault.tsx";
import { goTo, linkTo } from "../router.ts";
import { timeSpan } from "../time_span.ts";
import { useWords } from "../words_in_use.ts";
import { type Plan, startRun, plan as store, unusableRows } from "./plan.ts";

export function StartPart({ plan }: { plan: Plan }) {
  const { words, language } = useWords();
  const { check, estimate, faults, starting, name, failure } = plan;
  const isWrongName = name !== "" && !/^[\w.-]{1,64}$/.test(name);
  const hindrance = hindranceOf(plan);
  const start = async (event: Event) => {
    event.preventDefault();
    const id = await startRun();
    if (id) goTo(linkTo.run(id));
  };
  return (
    <section class="card" aria-labelledby="start-title">
      <h2 id="start-title">
        <span class="number">4</span> {words.start}
      </h2>
      <form class="start-line" onSubmit={(event) => void start(event)}>
        <div class="field">
          <label for="run-name">{words.name}</label>
          <input
            id="run-name"
            type="text"
            value={name}
            aria-invalid={isWrongName}
            aria-describedby="name-hint"
            autocomplete="off"
            onInput={({ currentTarget }) => store.set({ name: currentTarget.value })}
          />
          <p class="note" id="name-hint">
            {words.nameHint}
          </p>
        </div>
        <button
          type="submit"
          class="main big"
          disabled={
            starting || isWrongName || faults.length > 0 || hindrance !== undefined || check.isRunning
          }
        >
          {words.startTuning}
        </button>
      </form>
      <p class="status" role="status">
        {faults.length > 0
          ? words.fixSettings
          : hindrance
            ? words.fixRows
            : estimate.value &&
              words.willTake(
                count(estimate.value.steps, language),
                timeSpan(estimate.value.seconds, language),
              )}
      </p>
      <Fault failure={failure} />
    </section>
  );
}

/** Rows that the run would refuse. */
function hindranceOf(plan: Plan): "rows" | undefined {
  const { value, failure } = plan.check;
  return failure || unusableRows(plan) > 0 || (value?.refused.length ?? 0) > 0 ? "rows" : undefined;
}
