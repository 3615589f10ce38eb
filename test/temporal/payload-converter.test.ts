import { defaultPayloadConverter, RawValue, type Payload } from '@temporalio/common'
import { expect, test } from 'vitest'
import { UNDECODABLE } from '../../src/thread/parse.ts'
import { payloadConverter } from '../../workflows/payload-converter.ts'

const VALUES = [
  ...[undefined, null, true, 0, 1.5, '', 'text', [], {}, { a: undefined, b: [null, { c: 'd' }] }, new Date(0)],
  ...['ü € 🙂', { 'ключ 🙂': '\u0000 \ud800 \ufeff"\\' }, '\ufeffbegins', ['x'.repeat(100_000), '🙂'.repeat(10_000)]],
]
const plain = ({ metadata, data }: Payload): object => ({
  encoding: Buffer.from(metadata?.['encoding'] ?? []).toString(),
  data: data && Buffer.from(data).toString('base64'),
})

test.each(VALUES.map((value) => ({ value })))('a payload is that of the SDK, and is read as by the SDK: $value', ({ value }) => {
  const theirs = defaultPayloadConverter.toPayload(value)
  const ours = payloadConverter.toPayload(value)
  expect(plain(ours)).toEqual(plain(theirs))
  expect(payloadConverter.fromPayload(theirs)).toEqual(defaultPayloadConverter.fromPayload(theirs))
})

test('bytes and values that are payloads already stay what they are', () => {
  for (const value of [new Uint8Array([1, 2, 255]), new RawValue({ a: 1 })])
    expect(plain(payloadConverter.toPayload(value))).toEqual(plain(defaultPayloadConverter.toPayload(value)))
})

test('what cannot be read is marked', () => {
  const encoded = (encoding: string, data: string): Payload => ({
    metadata: { encoding: Buffer.from(encoding) },
    data: Buffer.from(data),
  })
  for (const payload of [encoded('strange', '{}'), encoded('json/plain', '{'), { data: Buffer.from('{}') }])
    expect(payloadConverter.fromPayload(payload)).toHaveProperty(UNDECODABLE)
})
