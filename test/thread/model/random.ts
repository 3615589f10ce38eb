/** A small seeded generator: the same seed gives the same numbers on every machine. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** The next 32 bits, as a whole number from 0 on. */
  bits(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }

  /** A whole number from 0 to `n` − 1; 0 where `n` is 0. */
  below(n: number): number {
    return n <= 1 ? 0 : this.bits() % n
  }

  /** True in `percent` of 100. */
  chance(percent: number): boolean {
    return this.below(100) < percent
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[this.below(items.length)]
  }

  /** One of a list that is known to hold something. */
  one<T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] ?? items[0]
  }

  /** A name out of a table of weights. */
  weighted<T extends string>(table: readonly (readonly [T, number])[], total: number): T {
    let left = this.below(total)
    for (const [name, weight] of table) {
      if (left < weight) return name
      left -= weight
    }
    return (table[0] as readonly [T, number])[0]
  }

  shuffled<T>(items: readonly T[]): T[] {
    const rest = [...items]
    const out: T[] = []
    while (rest.length > 0) out.push(...rest.splice(this.below(rest.length), 1))
    return out
  }
}
