// Items in order of their deadline: the earliest is known at once, adding and removing cost the logarithm of how many there are.

/** `heapIndex` belongs to the heap: -1 when the item is in none. */
export interface Deadlined {
  readonly deadline: number;
  heapIndex: number;
}

export class DeadlineHeap<T extends Deadlined> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  add(item: T): void {
    this.#items.push(item);
    this.#place(item, this.#items.length - 1);
    this.#rise(item.heapIndex);
  }

  remove(item: T): void {
    const at = item.heapIndex;
    if (at < 0 || this.#items[at] !== item) return;
    item.heapIndex = -1;
    const last = this.#items.pop();
    if (!last || last === item) return;
    this.#place(last, at);
    this.#rise(at);
    this.#sink(last.heapIndex);
  }

  /** Takes out the earliest item if its deadline has come. Null in constant time when nothing is due. */
  takeDue(now: number): T | null {
    const first = this.#items[0];
    if (!first || first.deadline > now) return null;
    this.remove(first);
    return first;
  }

  #place(item: T, at: number): void {
    this.#items[at] = item;
    item.heapIndex = at;
  }

  #swap(a: number, b: number): void {
    const [one, other] = [this.#items[a], this.#items[b]];
    if (!one || !other) return;
    this.#place(one, b);
    this.#place(other, a);
  }

  #deadlineAt(at: number): number {
    return this.#items[at]?.deadline ?? Number.POSITIVE_INFINITY;
  }

  #rise(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#deadlineAt(parent) <= this.#deadlineAt(at)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #sink(from: number): void {
    let at = from;
    for (;;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      const least = this.#deadlineAt(right) < this.#deadlineAt(left) ? right : left;
      if (least >= this.#items.length || this.#deadlineAt(least) >= this.#deadlineAt(at)) return;
      this.#swap(at, least);
      at = least;
    }
  }
}
