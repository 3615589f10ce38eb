/** `npm run test:chaos` sets it: the long forms. */
export const LONG = process.env['WEFT_CHAOS'] === 'long'

/** The same seed gives the same load and the same kills, though never the same moments. WEFT_CHAOS_SEED repeats one. */
export function seed(): number {
  const given = Number(process.env['WEFT_CHAOS_SEED'])
  return Number.isInteger(given) && given > 0 ? given : Math.floor(Math.random() * 1_000_000_000) + 1
}

/** Whether WEFT_CHAOS_CELLS, if it is there, names this cell of the network's matrix by a part of its name. */
export function wanted(name: string): boolean {
  const parts = process.env['WEFT_CHAOS_CELLS']?.split(',') ?? ['']
  return parts.some((part) => name.includes(part.trim()))
}
