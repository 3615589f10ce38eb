type Entry = { at: number; n: number; what: () => void | Promise<void> }

/** A virtual clock: what is to happen, in its order; what falls on one moment happens in the order it was planned. */
export class Agenda {
  now: number
  #count = 0
  readonly #heap: Entry[] = []

  constructor(now: number) {
    this.now = now
  }

  in(ms: number, what: Entry['what']): void {
    this.#count += 1
    const entry = { at: this.now + Math.max(0, ms), n: this.#count, what }
    const heap = this.#heap
    heap.push(entry)
    for (let i = heap.length - 1; i > 0;) {
      const up = (i - 1) >> 1
      if (!before(heap[i], heap[up])) break
      ;[heap[i], heap[up]] = [heap[up] as Entry, heap[i] as Entry]
      i = up
    }
  }

  /** Lets happen what happens until then, and moves the clock there. */
  async until(at: number): Promise<void> {
    for (let next = this.#heap[0]; next !== undefined && next.at <= at; next = this.#heap[0]) {
      this.#takeFirst()
      this.now = Math.max(this.now, next.at)
      await next.what()
    }
    this.now = Math.max(this.now, at)
  }

  get next(): number | null {
    return this.#heap[0]?.at ?? null
  }

  #takeFirst(): void {
    const heap = this.#heap
    const last = heap.pop() as Entry
    if (heap.length === 0) return
    heap[0] = last
    for (let i = 0; ;) {
      const left = 2 * i + 1
      const small = before(heap[left + 1], heap[left]) ? left + 1 : left
      if (!before(heap[small], heap[i])) return
      ;[heap[i], heap[small]] = [heap[small] as Entry, heap[i] as Entry]
      i = small
    }
  }
}

function before(a: Entry | undefined, b: Entry | undefined): boolean {
  if (a === undefined) return false
  return b === undefined || a.at < b.at || (a.at === b.at && a.n < b.n)
}
