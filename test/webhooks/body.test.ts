import { expect, it } from 'vitest'
import { webhookBody, type ToldEvent } from '../../src/webhooks/body.ts'

const told = (final_output: string | null, kind: ToldEvent['kind'] = 'RunFinished'): any => {
  const event = { delivery_id: 'd', thread_id: 't', run_id: 'r', seq: 1, kind, occurred_at: 0 }
  return JSON.parse(webhookBody({ ...event, payload: { final_output, steps: 1 } })).data
}

it('tells a final output whole, or its beginning and that there is more', () => {
  expect(told('short')).toMatchObject({ final_output: 'short', final_output_truncated: false })
  expect(told(null)).toMatchObject({ final_output: null, final_output_truncated: false })
  const most = 'x'.repeat(65_536)
  expect(told(most)).toMatchObject({ final_output: most, final_output_truncated: false })
  expect(told(`${most}y`)).toMatchObject({ final_output: most, final_output_truncated: true })
})

it('cuts between characters, and counts bytes', () => {
  const { final_output, final_output_truncated } = told(`x${'😀'.repeat(20_000)}`)
  expect(final_output_truncated).toBe(true)
  expect(Buffer.byteLength(final_output)).toBe(65_533)
  expect(final_output).toBe(`x${'😀'.repeat(16_383)}`)
})

it('says nothing of a final output where there is none', () => {
  expect(told('x', 'QueueParked')).not.toHaveProperty('final_output_truncated')
})
