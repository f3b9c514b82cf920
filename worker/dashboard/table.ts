// A table of live rows: sortable by its header buttons, updated in place, bounded. It knows nothing of what it lists.

import { DASHBOARD_LIMITS } from "../../shared/limits.ts";
import { element, setAttribute, setText } from "./dom.ts";
import { formatCount } from "./format.ts";

export interface Column<Row> {
  readonly label: string;
  /** Numbers stand right-aligned and sort from the largest at first. */
  readonly numeric?: boolean;
  text(row: Row): string;
  /** What sorting compares. */
  value(row: Row): number | string;
  /** Shown on hovering: what the cell's text leaves out. */
  detail?(row: Row): string;
}

/** A column of words, shown whole on hovering. */
export function textColumn<Row>(label: string, value: (row: Row) => string): Column<Row> {
  return { label, text: value, value, detail: value };
}

/** A button in the last column of each row. */
export interface RowAction<Row> {
  readonly label: string;
  /** Names the button for screen readers, apart from those of other rows. */
  describe(row: Row): string;
  /** Whether the row has it. */
  applies(row: Row): boolean;
  /** Resolves when it has been done, or refused; the button waits meanwhile. */
  run(row: Row): Promise<void>;
}

interface TableOptions<Row> {
  /** Names the table for screen readers. */
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  /** Identifies a row across updates. */
  key(row: Row): string;
  /** Rows for which this is true are greyed. */
  faded?(row: Row): boolean;
  readonly action?: RowAction<Row>;
  /** Index of the column sorted by at first, descending. */
  readonly sortedBy: number;
  /** Shown instead of the table while there are no rows. */
  empty(): (Node | string)[];
}

export class Table<Row> {
  readonly #options: TableOptions<Row>;
  readonly #headers: HTMLTableCellElement[];
  readonly #body = element("tbody");
  readonly #scroller: HTMLElement;
  readonly #more = element("p", { class: "footnote" });
  readonly #empty = element("p", { class: "empty" });
  readonly #drawn = new Map<string, HTMLTableRowElement>();
  #rows: readonly Row[] = [];
  #column: number;
  #descending = true;

  constructor(host: HTMLElement, options: TableOptions<Row>) {
    this.#options = options;
    this.#column = options.sortedBy;
    this.#headers = options.columns.map((column, index) => this.#header(column, index));
    this.#scroller = element(
      "div",
      // Focusable, so that the keyboard can scroll it where the window is narrow.
      { class: "scroller", role: "region", "aria-label": options.caption, tabindex: "0" },
      element(
        "table",
        {},
        element("caption", { class: "visually-hidden" }, options.caption),
        element("thead", {}, element("tr", {}, ...this.#headers, ...this.#actionHeader())),
        this.#body,
      ),
    );
    host.append(this.#empty, this.#scroller, this.#more);
    this.update([]);
  }

  #actionHeader(): HTMLTableCellElement[] {
    const { action } = this.#options;
    if (!action) return [];
    return [element("th", { scope: "col" }, element("span", { class: "visually-hidden" }, action.label))];
  }

  update(rows: readonly Row[]): void {
    this.#rows = rows;
    this.#draw();
  }

  #header(column: Column<Row>, index: number): HTMLTableCellElement {
    const button = element("button", { type: "button" }, column.label);
    button.addEventListener("click", () => {
      this.#descending = index === this.#column ? !this.#descending : column.numeric === true;
      this.#column = index;
      this.#draw();
    });
    return element("th", { scope: "col", class: column.numeric ? "number" : "text" }, button);
  }

  #sorted(): Row[] {
    const column = this.#options.columns[this.#column];
    if (!column) return [...this.#rows];
    const sign = this.#descending ? -1 : 1;
    // Equal rows keep an order of their own, or they would swap places at every update.
    return this.#rows.toSorted(
      (a, b) =>
        sign * compare(column.value(a), column.value(b)) ||
        compare(this.#options.key(a), this.#options.key(b)),
    );
  }

  #draw(): void {
    const shown = this.#sorted().slice(0, DASHBOARD_LIMITS.ROWS_MAX);
    const hidden = this.#rows.length - shown.length;
    this.#headers.forEach((header, index) => {
      const order = this.#descending ? "descending" : "ascending";
      setAttribute(header, "aria-sort", index === this.#column ? order : "none");
    });
    this.#place(shown);
    setText(this.#more, hidden > 0 ? `${formatCount(hidden)} more are not shown.` : "");
    this.#more.hidden = hidden === 0;
    this.#scroller.hidden = shown.length === 0;
    if (shown.length === 0 && !this.#empty.hasChildNodes()) this.#empty.append(...this.#options.empty());
    if (shown.length > 0) this.#empty.replaceChildren();
    this.#empty.hidden = shown.length > 0;
  }

  /** Brings the body to these rows, in this order, and touches only what differs. */
  #place(shown: readonly Row[]): void {
    const keys = new Set(shown.map((row) => this.#options.key(row)));
    for (const [key, drawn] of this.#drawn) {
      if (keys.has(key)) continue;
      drawn.remove();
      this.#drawn.delete(key);
    }
    shown.forEach((row, index) => {
      const key = this.#options.key(row);
      const drawn = this.#drawn.get(key) ?? this.#newRow();
      this.#drawn.set(key, drawn);
      this.#fill(drawn, row);
      const place = this.#body.children[index];
      if (place !== drawn) this.#body.insertBefore(drawn, place ?? null);
    });
  }

  #newRow(): HTMLTableRowElement {
    const cells = this.#options.columns.map((column) =>
      element("td", { class: column.numeric ? "number" : "text" }),
    );
    return element("tr", {}, ...cells, ...(this.#options.action ? [element("td")] : []));
  }

  /** The button is made once per row, so that it keeps the focus while the row is updated and moved. */
  #fillAction(cell: HTMLTableCellElement, row: Row, action: RowAction<Row>): void {
    const known = cell.querySelector("button");
    if (!action.applies(row)) {
      known?.remove();
      return;
    }
    const button = known ?? element("button", { type: "button", class: "row-action" }, action.label);
    setAttribute(button, "aria-label", action.describe(row));
    if (known) return;
    const key = this.#options.key(row);
    button.addEventListener("click", async () => {
      const current = this.#rows.find((other) => this.#options.key(other) === key);
      if (!current || button.getAttribute("aria-disabled") === "true") return;
      // Not `disabled`: that would take the focus away from who has just pressed it.
      setAttribute(button, "aria-disabled", "true");
      await action.run(current);
      button.removeAttribute("aria-disabled");
    });
    cell.append(button);
  }

  #fill(drawn: HTMLTableRowElement, row: Row): void {
    this.#options.columns.forEach((column, index) => {
      const cell = drawn.cells[index];
      if (!cell) return;
      setText(cell, column.text(row));
      if (column.detail) setAttribute(cell, "title", column.detail(row));
    });
    const { action } = this.#options;
    const last = drawn.cells[this.#options.columns.length];
    if (action && last) this.#fillAction(last, row, action);
    drawn.classList.toggle("faded", this.#options.faded?.(row) ?? false);
  }
}

function compare(a: number | string, b: number | string): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b));
}
