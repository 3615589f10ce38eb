import { expect, it } from 'vitest'
import { Slots } from '../../src/webhooks/slots.ts'

it('lets so many run at a time, the others in their order, also when some fail', async () => {
  const slots = new Slots(3)
  const gates = Array.from({ length: 9 }, () => Promise.withResolvers<void>())
  const begun: number[] = []
  const all = gates.map(({ promise }, index) =>
    slots.run(async () => {
      begun.push(index)
      await promise
      if (index % 2 === 0) throw new Error('no')
    }),
  )
  const settled = Promise.allSettled(all)
  await Promise.resolve()
  expect(begun).toEqual([0, 1, 2])
  gates[1]?.resolve()
  await all[1]
  gates[0]?.resolve()
  await expect(all[0]).rejects.toThrow('no')
  await expect.poll(() => begun).toEqual([0, 1, 2, 3, 4])
  for (const { resolve } of gates) resolve()
  await settled
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
})
