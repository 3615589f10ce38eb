import { expect, it } from 'vitest'
import { decodeEventCursor, encodeCursor, eventCursor } from '../../src/http/cursors.ts'
import { HttpProblem } from '../../src/http/problems.ts'

it('reads its own event cursors, and refuses one with a right check whose position is no number', () => {
  expect(decodeEventCursor('run:r', eventCursor('run:r', 7))).toBe(7)
  expect(decodeEventCursor('run:r', eventCursor('run:r', 7, 1_700_000_000_000))).toBe(7)
  for (const position of ['', 'x', 'NaN', '-1', '1.5', '1e3', '1@x', '1@', '@1', ' 1', '9'.repeat(16)])
    expect(() => decodeEventCursor('run:r', encodeCursor('run:r', position)), position).toThrow(HttpProblem)
})
