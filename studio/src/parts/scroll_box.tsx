import type { ComponentChildren } from "preact";

interface ScrollBoxProps {
  label: string;
  class: string;
  children: ComponentChildren;
}

/** What may be larger than its place: it scrolls by keyboard, too. */
export function ScrollBox({ label, class: name, children }: ScrollBoxProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: keys scroll what has the focus
    <section class={name} aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
