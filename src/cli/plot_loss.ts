const DOTS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
]; // Unicode's Braille patterns: [row][column] of a cell
const SMALLEST_BRAILLE = 0x2800;

/**
 * A loss curve in Unicode Braille dots, two columns and four rows to a character, with the highest and lowest plotted
 * loss at the side and the number of steps below. Each column is the mean of its steps; losses that aren't finite are
 * left out.
 */
export function plotLoss(losses: readonly number[], { width = 60, height = 10 } = {}): string {
  const means = columnMeans(losses, Math.min(2 * width, losses.length));
  const finite = means.filter(Number.isFinite);
  if (finite.length === 0) return "no losses to plot";
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const cells = Array.from({ length: height }, () => new Uint8Array(Math.ceil(means.length / 2)));
  means.forEach((loss, column) => {
    if (!Number.isFinite(loss)) return;
    const share = high === low ? 0.5 : (high - loss) / (high - low); // 0 at the top
    const row = Math.round(share * (4 * height - 1));
    cells[row >> 2]![column >> 1]! |= DOTS[row & 3]![column & 1]!;
  });
  return withAxes(cells, low, high, losses.length);
}

function withAxes(cells: readonly Uint8Array[], low: number, high: number, steps: number): string {
  const labels = cells.map((_, row) =>
    row === 0 ? high.toFixed(3) : row === cells.length - 1 ? low.toFixed(3) : "",
  );
  const margin = Math.max(...labels.map(({ length }) => length));
  const lines = cells.map(
    (row, i) =>
      `${labels[i]!.padStart(margin)} ┤${Array.from(row, (dots) => String.fromCodePoint(SMALLEST_BRAILLE + dots)).join("")}`,
  );
  const columns = cells[0]!.length;
  const end = `step ${steps}`;
  return [
    ...lines,
    `${" ".repeat(margin)} └${"─".repeat(columns)}`,
    `${" ".repeat(margin + 2)}1${end.padStart(Math.max(end.length + 1, columns - 1))}`,
  ].join("\n");
}

function columnMeans(losses: readonly number[], columns: number): number[] {
  return Array.from({ length: columns }, (_, i) => {
    const from = Math.floor((i * losses.length) / columns);
    const part = losses.slice(from, Math.floor(((i + 1) * losses.length) / columns)).filter(Number.isFinite);
    return part.reduce((sum, loss) => sum + loss, 0) / part.length;
  });
}
