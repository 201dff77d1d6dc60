import { useEffect, useState } from "preact/hooks";

interface DropTargetProps {
  words: { drop: string; dropHint: string };
  take(transfer: DataTransfer): unknown;
}

/** Files may be dropped anywhere on the page. */
export function DropTarget({ words, take }: DropTargetProps) {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const over = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (!event.relatedTarget) setOver(false);
    };
    const drop = (event: DragEvent) => {
      event.preventDefault();
      setOver(false);
      if (event.dataTransfer) take(event.dataTransfer);
    };
    addEventListener("dragover", over);
    addEventListener("dragleave", leave);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("dragleave", leave);
      removeEventListener("drop", drop);
    };
  }, [take]);
  if (!isOver) return null;
  return (
    <div class="drop" aria-hidden="true">
      <div>
        <strong>{words.drop}</strong>
        <p>{words.dropHint}</p>
      </div>
    </div>
  );
}
