import { expect, it } from 'vitest'
import { CallIds } from '../../activities/call-ids.ts'

it('gives each call an id of its own, also where a provider repeats one or gives none', () => {
  const ids = new CallIds(new Set(['a', 'a_2']), 'call_m')
  expect(ids.begin('a')).toBe('a_3')
  expect(ids.current('a')).toBe('a_3')
  expect(ids.complete('a')).toEqual({ id: 'a_3', announced: true })
  expect(ids.complete('a')).toEqual({ id: 'a_4', announced: false })
  expect(ids.complete('')).toEqual({ id: 'call_m', announced: false })
  expect(ids.begin('x y\0')).toBe('x_y_')
})
