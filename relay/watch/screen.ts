// The live picture in a terminal: drawn over the former one, on the terminal's other screen, which is left behind at the end.

/** The terminal that standard output is. */
export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  write(text: string): void;
  /** Calls `listener` after each change of its size, until the returned function is called. */
  onResize(listener: () => void): () => void;
}

const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const CLEAR_LINE_END = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

type Draw = (room: { readonly columns: number; readonly rows: number }) => readonly string[];

export class Screen {
  readonly #terminal: Terminal;
  readonly #draw: Draw;
  readonly #unlisten: () => void;

  /** `draw` makes the lines of the picture, which must be no more and no longer than there is room for. */
  constructor(terminal: Terminal, draw: Draw) {
    this.#terminal = terminal;
    this.#draw = draw;
    terminal.write(ENTER);
    this.#unlisten = terminal.onResize(() => this.refresh());
  }

  /** Draws again, at once as a whole, so that nothing flickers. */
  refresh(): void {
    const { columns, rows } = this.#terminal;
    const lines = this.#draw({ columns, rows }).map((line) => line + CLEAR_LINE_END);
    this.#terminal.write(HOME + lines.join("\r\n") + CLEAR_BELOW);
  }

  /** Gives the terminal back as it was. */
  leave(): void {
    this.#unlisten();
    this.#terminal.write(LEAVE);
  }
}
