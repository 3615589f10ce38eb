/** A table for a terminal: the first column stands left, the others right; numbers get one decimal where they need it. */
export function grid(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const texts = [head, ...rows].map((row) => row.map(shown))
  const widths = head.map((_, column) => Math.max(...texts.map((row) => (row[column] ?? '').length)))
  const lines = texts.map((row) =>
    row
      .map((text, column) => (column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart((widths[column] ?? 0) + 3)))
      .join('')
      .trimEnd(),
  )
  lines.splice(1, 0, '─'.repeat(Math.max(...lines.map((line) => line.length))))
  return lines.join('\n')
}

export function shown(value: string | number): string {
  if (typeof value === 'string') return value
  if (Number.isNaN(value)) return '–'
  return Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) < 10 ? 2 : 1)
}
