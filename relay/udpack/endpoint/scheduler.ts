// The clock of an endpoint, and its only timers: who wants to run at the end of this turn of the event loop, and who at a
// time. One Node timer serves all sessions, since a timer costs more than a packet.

/** Something that is run: a session, an attempt to connect. */
export abstract class Task {
  /** When `run` is wanted at the latest; kept by the scheduler. */
  dueAt = Number.POSITIVE_INFINITY;
  /** Its place in the scheduler's heap; -1: not there. */
  heapIndex = -1;
  isSoon = false;
  /** Called once per turn in which it was asked for or due. */
  abstract run(now: number): void;
}

class CallingTask extends Task {
  readonly run: (now: number) => void;

  constructor(run: (now: number) => void) {
    super();
    this.run = run;
  }
}

/** A task that calls `run`. */
export function taskOf(run: (now: number) => void): Task {
  return new CallingTask(run);
}

export class Scheduler {
  readonly #heap: Task[] = [];
  #soon: Task[] = [];
  #running: Task[] = [];
  #isArmed = false;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #closed = false;

  /** Milliseconds with fractions, from any beginning; never goes back. */
  now(): number {
    return performance.now();
  }

  /** Runs the task after the reads of this turn: what they brought is answered in one go. */
  soon(task: Task): void {
    if (task.isSoon || this.#closed) return;
    task.isSoon = true;
    this.#soon.push(task);
    if (this.#isArmed) return;
    this.#isArmed = true;
    setImmediate(this.#runSoon);
  }

  /** Runs the task at `at`, instead of when it was to run before; infinity: not at all. */
  at(task: Task, at: number): void {
    if (this.#closed || at === task.dueAt) return;
    task.dueAt = at;
    if (at === Number.POSITIVE_INFINITY) this.#remove(task);
    else if (task.heapIndex < 0) {
      task.heapIndex = this.#heap.length;
      this.#heap.push(task);
      this.#up(task.heapIndex);
    } else {
      this.#up(task.heapIndex);
      this.#down(task.heapIndex);
    }
    this.#arm();
  }

  /** Runs nothing any more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#heap.length = 0;
    this.#soon = [];
  }

  readonly #runSoon = () => {
    this.#isArmed = false;
    const tasks = this.#soon;
    this.#soon = this.#running;
    this.#running = tasks;
    const now = this.now();
    let done = 0;
    try {
      for (const task of tasks) {
        done += 1;
        task.isSoon = false;
        if (!this.#closed) task.run(now);
      }
    } finally {
      // A task whose owner threw must not keep the others from their turn.
      const left = tasks.splice(0).slice(done);
      for (const task of left) task.isSoon = false;
      for (const task of left) this.soon(task);
    }
  };

  readonly #runDue = () => {
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = this.now();
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.dueAt > now || this.#closed) break;
      this.#remove(first);
      first.dueAt = Number.POSITIVE_INFINITY;
      this.soon(first);
    }
    this.#arm();
  };

  /** A timer that fires too early is left alone: it looks again, which costs less than making another. */
  #arm(): void {
    const first = this.#heap[0];
    if (first === undefined || this.#closed || first.dueAt >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = first.dueAt;
    this.#timer = setTimeout(this.#runDue, Math.max(0, first.dueAt - this.now()));
  }

  #remove(task: Task): void {
    const index = task.heapIndex;
    if (index < 0) return;
    task.heapIndex = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === task) return;
    this.#put(last, index);
    this.#up(index);
    this.#down(last.heapIndex);
  }

  #put(task: Task, index: number): void {
    this.#heap[index] = task;
    task.heapIndex = index;
  }

  #up(from: number): void {
    const task = this.#heap[from];
    let index = from;
    while (task !== undefined && index > 0) {
      const parent = this.#heap[(index - 1) >> 1];
      if (parent === undefined || parent.dueAt <= task.dueAt) break;
      this.#put(parent, index);
      index = (index - 1) >> 1;
      this.#put(task, index);
    }
  }

  #down(from: number): void {
    const task = this.#heap[from];
    let index = from;
    for (;;) {
      const left = this.#heap[2 * index + 1];
      const right = this.#heap[2 * index + 2];
      const least = right !== undefined && left !== undefined && right.dueAt < left.dueAt ? right : left;
      if (task === undefined || least === undefined || least.dueAt >= task.dueAt) break;
      const place = least.heapIndex;
      this.#put(least, index);
      this.#put(task, place);
      index = place;
    }
  }
}
