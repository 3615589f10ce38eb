/**
 * Ids without a clock or a random source: the core must give the same ids whenever a history is replayed.
 * Every id has the shape of a UUIDv7 (48 bits of milliseconds first), so rows sort by time of creation.
 */

/** A 128-bit, non-cryptographic hash (four 32-bit lanes) as 32 hex digits; the same everywhere. */
export function hash128(text: string): string {
  let a = 0x9e3779b9
  let b = 0x243f6a88
  let c = 0xb7e15162
  let d = 0xdeadbeef
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    a = Math.imul(a ^ unit, 0x85ebca6b) ^ (b >>> 15)
    b = Math.imul(b ^ unit, 0xc2b2ae35) ^ (c >>> 13)
    c = Math.imul(c ^ unit, 0x27d4eb2f) ^ (d >>> 16)
    d = Math.imul(d ^ unit, 0x165667b1) ^ (a >>> 14)
  }
  const lane = (x: number, salt: number): string => {
    let h = Math.imul(x ^ (x >>> 16) ^ salt, 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    return ((h ^ (h >>> 16)) >>> 0).toString(16).padStart(8, '0')
  }
  const mixed = (a ^ b ^ c ^ d) | 0
  return lane(a + mixed, 1) + lane(b + mixed, 2) + lane(c + mixed, 3) + lane(d + mixed, 4)
}

/** The id of the n-th thing that one command creates: `at` in milliseconds, `seed` any text unique to the command. */
export function createId(at: number, seed: string, n: number): string {
  return shape(Math.max(0, Math.floor(at)).toString(16).padStart(12, '0').slice(-12), hash128(`${seed}/${n}`))
}

/**
 * An id that follows from another id and a label; a repeat gives the same id. Keeps the parent's time where it has
 * one. Ids of one parent sort by `order` (0 to 4,095) where it is given.
 */
export function deriveId(parent: string, label: string, order?: number): string {
  const time = /^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(parent) ? parent.slice(0, 8) + parent.slice(9, 13) : '000000000000'
  const random = hash128(`${parent}/${label}`)
  const first = order === undefined ? random.slice(0, 3) : Math.min(order, 0xfff).toString(16).padStart(3, '0')
  return shape(time, first + random.slice(3))
}

function shape(time: string, random: string): string {
  const variant = ((parseInt(random[3] ?? '0', 16) & 0x3) | 0x8).toString(16)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`
}
