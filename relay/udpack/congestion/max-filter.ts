// The greatest of the recent values, in constant space: Kathleen Nichols' windowed filter, which keeps the best three.

/** Maximum over a sliding window; positions (time or rounds) never decrease. */
export class MaxFilter {
  #first = 0;
  #firstAt = 0;
  #second = 0;
  #secondAt = 0;
  #third = 0;
  #thirdAt = 0;

  get max(): number {
    return this.#first;
  }

  update(value: number, at: number, length: number): void {
    if (value >= this.#first || at - this.#thirdAt > length) {
      this.reset(value, at);
      return;
    }
    if (value >= this.#second) {
      this.#second = value;
      this.#secondAt = at;
      this.#third = value;
      this.#thirdAt = at;
    } else if (value >= this.#third) {
      this.#third = value;
      this.#thirdAt = at;
    }
    this.#expire(value, at, length);
  }

  reset(value: number, at: number): void {
    this.#first = value;
    this.#firstAt = at;
    this.#second = value;
    this.#secondAt = at;
    this.#third = value;
    this.#thirdAt = at;
  }

  /** Lets the best go when it is too old, and takes care that the other two lie spread over the window. */
  #expire(value: number, at: number, length: number): void {
    if (at - this.#firstAt > length) {
      this.#shift(value, at);
      if (at - this.#firstAt > length) this.#shift(value, at);
    } else if (this.#secondAt === this.#firstAt && at - this.#firstAt > length / 4) {
      this.#second = value;
      this.#secondAt = at;
      this.#third = value;
      this.#thirdAt = at;
    } else if (this.#thirdAt === this.#secondAt && at - this.#firstAt > length / 2) {
      this.#third = value;
      this.#thirdAt = at;
    }
  }

  #shift(value: number, at: number): void {
    this.#first = this.#second;
    this.#firstAt = this.#secondAt;
    this.#second = this.#third;
    this.#secondAt = this.#thirdAt;
    this.#third = value;
    this.#thirdAt = at;
  }
}
