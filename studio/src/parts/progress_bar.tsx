interface ProgressBarProps {
  label: string;
  /** 0 to 1; unknown when left out. */
  share?: number;
  text?: string;
}

export function ProgressBar({ label, share, text }: ProgressBarProps) {
  const percent = share === undefined ? undefined : Math.round(100 * share);
  return (
    <div
      class={percent === undefined ? "progress unknown" : "progress"}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      aria-valuetext={text}
    >
      <div style={percent === undefined ? undefined : { width: `${percent}%` }} />
    </div>
  );
}
