/** Gives every tool call an id that its thread has not used: some providers count from zero in each answer. */
export class CallIds {
  readonly #used: Set<string>
  readonly #given = new Map<string, string>()
  readonly #prefix: string

  /** `prefix` begins the id of a call that came without one. */
  constructor(used: ReadonlySet<string>, prefix: string) {
    this.#used = new Set(used)
    this.#prefix = prefix
  }

  /** The id for a call that begins now. */
  begin(provider_id: string): string {
    // People send ids back in decisions, and arguments and results are staged under them: only what commands accept.
    const plain = provider_id.replace(/[^A-Za-z0-9_.:-]/g, '_').slice(0, 200)
    const base = plain === '' ? this.#prefix : plain
    let id = base
    for (let n = 2; this.#used.has(id); n++) id = `${base}_${String(n)}`
    this.#used.add(id)
    this.#given.set(provider_id, id)
    return id
  }

  /** The id for a complete call: the one it began with, once; a new one for a call that was not announced. */
  complete(provider_id: string): { id: string; announced: boolean } {
    const begun = this.#given.get(provider_id)
    if (begun === undefined) {
      const id = this.begin(provider_id)
      this.#given.delete(provider_id)
      return { id, announced: false }
    }
    this.#given.delete(provider_id)
    return { id: begun, announced: true }
  }

  /** The id of a call that has begun and is not complete. */
  current(provider_id: string): string | undefined {
    return this.#given.get(provider_id)
  }
}
