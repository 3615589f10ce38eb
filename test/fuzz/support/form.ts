/** The long form is for `npm run test:fuzz`; the short one, always with the same seed, is part of `npm test`. */
export const LONG = process.env['WEFT_FUZZ'] === 'long'
export const SEED = Number(process.env['WEFT_FUZZ_SEED'] ?? 1)

/** Says what was tried, so that it can be tried again: cases are counted where they arrive. */
export function report(what: string, figures: { [name: string]: number | string }): void {
  const all = Object.entries({ seed: SEED, ...figures }).map(([name, value]) => `${name} ${String(value)}`)
  console.log(`fuzz ${what} (${LONG ? 'long' : 'short'} form): ${all.join(', ')}`)
}
