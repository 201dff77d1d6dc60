import type { PartProps } from "../app.tsx";
import { zip } from "../zip.ts";

const PYTHON = `model = PeftModel.from_pretrained(base, "adapter")`;

export function TakePart({ state: { adapter }, words }: PartProps) {
  const download = () => {
    const url = URL.createObjectURL(zip(adapter!));
    const link = document.createElement("a");
    Object.assign(link, { href: url, download: "adapter.zip" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser is done with it by then
  };
  return (
    <section class="card" aria-labelledby="take-title">
      <h2 id="take-title">
        <span class="number">6</span> {words.take}
      </h2>
      {adapter ? (
        <>
          <p class="note">{words.takeHint}</p>
          <pre class="code">
            <code>{PYTHON}</code>
          </pre>
          <div class="buttons">
            <button type="button" class="main" onClick={download}>
              {words.download}
            </button>
          </div>
        </>
      ) : (
        <p class="note">{words.notYet}</p>
      )}
    </section>
  );
}
