import { protocol } from '@electric-sql/pglite'
import { expect, it } from 'vitest'
import { bindMessages } from '../../src/store/pglite-bind.ts'

const { serialize } = protocol

it('says with other formats what PGlite’s own serializer says', () => {
  const values = ['a', '', 'n\u00e4me \u{1f600}', 'x'.repeat(9_000), '{"a":1}']
  const own = [serialize.bind({ statement: 'weft_12', values }), serialize.execute({}), serialize.sync()].map((part) =>
    Buffer.from(part),
  )
  const bound = own[0] ?? Buffer.alloc(0)
  // It names the format of each value, where none means that all are texts.
  const at = 5 + 1 + 'weft_12'.length + 1
  const formats = 2 * values.length
  const short = Buffer.concat([bound.subarray(0, at), Buffer.from([0, 0]), bound.subarray(at + 2 + formats)])
  short.writeInt32BE(bound.length - 1 - formats, 1)
  expect(Buffer.from(bindMessages('weft_12', values))).toEqual(Buffer.concat([short, ...own.slice(1)]))
})

it('tells a null from an empty text, and takes no values at all', () => {
  const [some, none] = [bindMessages('s', [null, '']), bindMessages('s', [])].map((part) => Buffer.from(part))
  expect(some?.toString('hex')).toContain('0002ffffffff00000000' + '0000')
  expect(none?.readInt32BE(1)).toBe((none?.length ?? 0) - 1 - 10 - 5)
})
