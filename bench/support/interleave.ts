/**
 * Does `run` for each of the cases in turn, round after round, so that what else the machine does falls on all alike;
 * every second round goes the other way about, so that none always comes after the same one.
 */
export async function interleave<T>(
  cases: readonly T[],
  { rounds, signal }: { rounds: number; signal: AbortSignal },
  run: (one: T, round: number) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const one of round % 2 === 0 ? cases : cases.toReversed()) {
      signal.throwIfAborted()
      await run(one, round)
    }
  }
}
