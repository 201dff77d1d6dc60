import type { ComponentChildren } from "preact";

export interface TileProps {
  name: string;
  value?: ComponentChildren;
  note?: ComponentChildren;
}

/** Figures side by side; those that aren't known are left out. */
export function Tiles({ tiles }: { tiles: readonly TileProps[] }) {
  const known = tiles.filter(({ value }) => value !== undefined && value !== null && value !== false);
  if (known.length === 0) return null;
  return (
    <dl class="tiles">
      {known.map(({ name, value, note }) => (
        <div key={name} class="tile">
          <dt>{name}</dt>
          <dd>
            {value}
            {note && <small>{note}</small>}
          </dd>
        </div>
      ))}
    </dl>
  );
}
