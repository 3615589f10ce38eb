const EXECUTE = Uint8Array.of(0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0)
const SYNC = Uint8Array.of(0x53, 0, 0, 0, 4)
/** The length itself, a portal without a name, the end of the statement's name, the count of values, formats in and out. */
const FIXED = 4 + 1 + 1 + 2 + 2 + 2

/**
 * The messages of the protocol that run a prepared statement once: Bind, Execute, Sync. PGlite's own serializer grows
 * its buffer by halves and copies it thrice, which for a batch takes longer than half of what the batch inserts.
 */
export function bindMessages(statement: string, values: readonly (string | null)[]): Uint8Array {
  const sizes = values.map((value) => (value === null ? -1 : Buffer.byteLength(value)))
  const name = Buffer.byteLength(statement)
  const length = FIXED + name + sizes.reduce((sum, size) => sum + 4 + Math.max(0, size), 0)
  const message = Buffer.allocUnsafe(1 + length + EXECUTE.length + SYNC.length)
  let at = message.writeUInt8(0x42, 0)
  at = message.writeInt32BE(length, at)
  at = message.writeUInt8(0, at)
  at += message.write(statement, at)
  at = message.writeUInt8(0, at)
  at = message.writeUInt16BE(0, at)
  at = message.writeUInt16BE(values.length, at)
  for (const [index, value] of values.entries()) {
    at = message.writeInt32BE(sizes[index] ?? -1, at)
    if (value !== null) at += message.write(value, at)
  }
  at = message.writeUInt16BE(0, at)
  message.set(EXECUTE, at)
  message.set(SYNC, at + EXECUTE.length)
  return message
}
