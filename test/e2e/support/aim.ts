const SMALL_STEP_MS = 1
const LARGEST_STEP_MS = 32
/** After so many wins of the same one the steps double: more than tries that are under way at once. */
const PATIENCE = 8

/**
 * Finds the moment at which two things meet, on a fast machine and on a slow one: by how many ms the one is sent after
 * the other so that either comes first about equally often. It stays near that moment in small steps, and takes larger
 * ones only while the same one wins again and again.
 */
export class Aim {
  #lead = 0
  #streak = 0
  #last: boolean | null = null

  /** How long the one whose wins are learnt is held back, in ms; negative: the other is held back. */
  get lead(): number {
    return this.#lead
  }

  learn(won: boolean): void {
    this.#streak = won === this.#last ? this.#streak + 1 : 0
    this.#last = won
    const step = Math.min(SMALL_STEP_MS * 2 ** Math.floor(this.#streak / PATIENCE), LARGEST_STEP_MS)
    this.#lead += won ? step : -step
  }
}
