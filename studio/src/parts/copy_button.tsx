import { useState } from "preact/hooks";
import { useWords } from "../words_in_use.ts";

export function CopyButton({ text, label }: { text: string; label?: string }) {
  const { words } = useWords();
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <button type="button" class="small" aria-label={label} onClick={() => void copy().catch(() => {})}>
      {isCopied ? words.copied : words.copy}
    </button>
  );
}
