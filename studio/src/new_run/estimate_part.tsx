import { count, gigabytes } from "../../../web/format.ts";
import type { Estimate } from "../api_types.ts";
import { Fault } from "../parts/fault.tsx";
import { Tiles } from "../parts/tiles.tsx";
import { timeSpan } from "../time_span.ts";
import { useWords } from "../words_in_use.ts";
import { changeRecipe, measure, type Plan, unusableRows } from "./plan.ts";
import { withValues } from "./recipe_keys.ts";

export function EstimatePart({ plan }: { plan: Plan }) {
  const { words, language } = useWords();
  const { value, failure, isRunning } = plan.estimate;
  return (
    <section class="card" aria-labelledby="estimate-title" aria-busy={isRunning}>
      <h2 id="estimate-title">
        <span class="number">3</span> {words.estimate}
      </h2>
      <p class="note">{words.estimateHint}</p>
      {unusableRows(plan) > 0 ? <p class="note">{words.afterRows}</p> : <Fault failure={failure} />}
      {value && (
        <>
          <Memory estimate={value} />
          <Tiles
            tiles={[
              {
                name: words.time,
                value: timeSpan(value.seconds, language),
                note: value.measured ? words.measured : words.rough,
              },
              { name: words.steps, value: count(value.steps, language) },
              {
                name: words.tokens,
                value: count(value.tokens, language),
                note: words.trainedShare(count(value.supervisedTokens, language)),
              },
              { name: words.disk, value: gigabytes(value.diskBytes, language) },
              {
                name: words.trainedWeights,
                value: count(value.trainedParameters, language),
                note: words.ofWeights(count(value.parameters, language)),
              },
            ]}
          />
          <Advice estimate={value} plan={plan} />
        </>
      )}
      <div class="buttons after">
        <button type="button" disabled={isRunning || !value} onClick={() => void measure()}>
          {isRunning ? words.computing : words.measure}
        </button>
        <span class="note">{words.measureHint}</span>
      </div>
    </section>
  );
}

function Memory({ estimate: { peakMemoryBytes, machine, fits, memory } }: { estimate: Estimate }) {
  const { words, language } = useWords();
  const size = (bytes: number) => gigabytes(bytes, language);
  const share = Math.min(1, peakMemoryBytes / machine.availableBytes);
  return (
    <div class={fits ? "fit" : "fit no"}>
      <p>
        <strong>{fits ? `✓ ${words.fits}` : `✕ ${words.doesNotFit}`}</strong>{" "}
        {words.memoryOf(size(peakMemoryBytes), size(machine.availableBytes))}
      </p>
      <div class="progress" aria-hidden="true">
        <div style={{ width: `${Math.max(1, 100 * share)}%` }} />
      </div>
      <p class="note">
        {words.memoryParts(
          size(memory.weights),
          size(memory.trained),
          size(memory.activations),
          size(memory.program),
        )}
      </p>
    </div>
  );
}

/** What takes less, what is known to fail, and what is odd. */
function Advice({ estimate, plan }: { estimate: Estimate; plan: Plan }) {
  const { words, language } = useWords();
  const changes = estimate.alternatives.filter(({ set }) => !("model" in set));
  const others = estimate.settings.filter(({ agrees }) => !agrees);
  return (
    <>
      {estimate.warnings.map(({ key, problem, wayOut }) => (
        <p key={key + problem} class="alert" lang="en">
          <code>{key}</code>: {problem}. {wayOut}
        </p>
      ))}
      {!estimate.fits && changes.length > 0 && (
        <>
          <h3>{words.whatTakesLess}</h3>
          <ul class="choices-list">
            {changes.map(({ set, note, peakMemoryBytes }) => (
              <li key={note}>
                <span lang="en">
                  <code>
                    {Object.entries(set)
                      .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
                      .join(", ")}
                  </code>{" "}
                  {note}
                </span>
                <span class="note">{gigabytes(peakMemoryBytes, language)}</span>
                <button
                  type="button"
                  class="small"
                  onClick={() => changeRecipe(withValues(plan.recipe, set))}
                >
                  {words.apply}
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
      {others.length > 0 && (
        <details>
          <summary>{words.otherwiseAdvised(others.length)}</summary>
          <ul class="choices-list">
            {others.map(({ key, value, reason }) => (
              <li key={key}>
                <span lang="en">
                  <code>
                    {key}: {JSON.stringify(value)}
                  </code>{" "}
                  {reason}
                </span>
                <button
                  type="button"
                  class="small"
                  onClick={() => changeRecipe(withValues(plan.recipe, { [key]: value }))}
                >
                  {words.apply}
                </button>
              </li>
            ))}
          </ul>
        </details>
      )}
      {estimate.notes.map((note) => (
        <p key={note} class="note" lang="en">
          {note}
        </p>
      ))}
    </>
  );
}
