// A table that fits a width: columns that matter least go first, then the one that can shrinks. Pure.

import { columnsOf, toWidth, visible } from "./text.ts";

export interface Column<Row> {
  readonly head: string;
  readonly of: (row: Row) => string;
  readonly align?: "left" | "right";
  /** Least columns it can be cut down to; absent: it is whole or not there at all. */
  readonly least?: number;
  /** The higher, the sooner it is left out; 0: never. */
  readonly spare: number;
}

const GAP = "  ";

/** The head and one line per row, none longer than `width`; Infinity cuts nothing. */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
): string[] {
  const filled = columns.map((column) => {
    const cells = [column.head, ...rows.map((row) => visible(column.of(row)))];
    return { column, cells, width: Math.max(...cells.map(columnsOf)) };
  });
  const shown = chosen(filled, width);
  return [-1, ...rows.keys()].map((row) => {
    const line = shown.map(({ column, cells, width: own }) =>
      toWidth(cells[row + 1] ?? "", own, column.align),
    );
    return toWidth(line.join(GAP), Math.min(width, columnsOf(line.join(GAP)))).trimEnd();
  });
}

interface Filled<Row> {
  readonly column: Column<Row>;
  readonly cells: readonly string[];
  width: number;
}

/** The columns that are shown, narrowed so that they fit; the last resort is cutting lines. */
function chosen<Row>(filled: readonly Filled<Row>[], width: number): Filled<Row>[] {
  let shown = [...filled];
  const excess = () => shown.reduce((sum, { width: own }) => sum + own + GAP.length, -GAP.length) - width;
  const leastExcess = () =>
    excess() -
    shown.reduce((sum, { column, width: own }) => sum + own - Math.min(own, column.least ?? own), 0);
  while (leastExcess() > 0) {
    const spare = Math.max(...shown.map(({ column }) => column.spare));
    if (spare <= 0) break;
    shown = shown.filter(({ column }) => column.spare !== spare);
  }
  for (const part of shown.toSorted((a, b) => b.width - a.width)) {
    const over = excess();
    if (over <= 0) break;
    part.width = Math.max(Math.min(part.width, part.column.least ?? part.width), part.width - over);
  }
  return shown;
}
