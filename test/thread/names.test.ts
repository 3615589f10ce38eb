import { expect, test } from 'vitest'
import { threadOf } from '../../src/thread/names.ts'

test.each([
  ['default/t1', { tenant: 'default', thread_id: 't1' }],
  ['acme/a.b_c-d', { tenant: 'acme', thread_id: 'a.b_c-d' }],
  [`default/${'x'.repeat(128)}`, { tenant: 'default', thread_id: 'x'.repeat(128) }],
])('%s names a thread', (id, ref) => {
  expect(threadOf(id)).toEqual(ref)
})

test.each(['', 'foo', '/t1', 'default/', 'default/bad id!', 'default/a/b', `default/${'x'.repeat(129)}`, 'default/\u00e9'])(
  '"%s" names none',
  (id) => {
    expect(threadOf(id)).toBeNull()
  },
)
