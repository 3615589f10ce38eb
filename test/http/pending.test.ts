import { describe, expect, it } from 'vitest'
import { client, scene } from './support/black-box.ts'
import { expectProblem } from './support/client.ts'
import { expectAnswer } from './support/contract.ts'

const PATCH = 'PATCH /v1/threads/:id/pending/:pid'
const DELETE = 'DELETE /v1/threads/:id/pending/:pid'
/** A thread with a run that goes on and one pending message `m`; its path. */
async function one(): Promise<{ id: string; run_id: string; path: string }> {
  const { thread_id, run_id } = await scene.start('/slow 20000 a b c d')
  await scene.post(thread_id, 'before', {}, { id: 'm', metadata: { a: 1 } })
  return { id: thread_id, run_id, path: `/v1/threads/${thread_id as string}/pending/m` }
}
const etag = (answer: { headers: Headers }) => answer.headers.get('etag')

describe('a pending message', () => {
  it('is read with its revision', async () => {
    const { path, id } = await one()
    const answer = await client.call('GET', path)
    expect(expectAnswer(answer, 'GET /v1/threads/:id/pending/:pid', 200)).toMatchObject({
      pending_id: 'm',
      position: 1,
      content: 'before',
      metadata: { a: 1 },
      held_until: null,
    })
    expect(etag(answer)).toBe(`"${String(answer.body.revision)}"`)
    expectProblem(await client.call('GET', `/v1/threads/${id}/pending/nobody`), 404, 'pending_not_found')
    expectProblem(await client.call('GET', `/v1/threads/${id}/pending/a%20b`), 404, 'pending_not_found')
  })

  it('is reworded by those who have seen it', async () => {
    const { path, id } = await one()
    const seen = await client.call('GET', path)
    const tag = etag(seen) ?? ''
    const edited = await client.call('PATCH', path, { content: 'second' }, { 'If-Match': tag })
    const body = expectAnswer(edited, PATCH, 200)
    expect(body.pending).toMatchObject({ pending_id: 'm', content: 'second', role: 'user', metadata: { a: 1 } })
    expect(body.pending.revision).toBe(seen.body.revision + 1)
    expect(etag(edited)).toBe(`"${String(body.pending.revision)}"`)
    const { queue_revision, items } = await scene.pending(id)
    expect([queue_revision, items[0]]).toEqual([body.queue_revision, body.pending])

    const message = { role: 'system', content: [{ type: 'text', text: 'third' }], visibility: 'internal', metadata: { b: 2 } }
    const expected_revision = body.pending.revision
    const third = expectAnswer(await client.call('PATCH', path, { message, expected_revision }), PATCH, 200)
    expect(third.pending).toMatchObject(message)
    for (const [text, header] of [
      ['4', `W/"${String(third.pending.revision)}"`],
      ['5', '*'],
      ['6', `"99", W/"${String((third.pending.revision as number) + 2)}", "1"`],
    ] as const)
      expect(
        expectAnswer(
          await client.call('PATCH', path, { message: { role: 'user', content: text } }, { 'If-Match': header }),
          PATCH,
          200,
        ),
      ).toMatchObject({
        pending: { content: text },
      })
    await client.call('POST', `/v1/threads/${id}/cancel`)
    const run_id = third.pending.run_id as string
    await scene.settled(run_id)
    const { messages } = (await client.call('GET', `/v1/threads/${id}/messages?visibility=all&run_id=${run_id}`)).body
    expect(messages[0]).toMatchObject({ message_id: 'm', role: 'user', content: '6', visibility: 'internal' })
  })

  it('is not changed by those who have not', async () => {
    const { path } = await one()
    const { revision } = (await client.call('GET', path)).body
    const unseen: [string, unknown, string][] = [
      ['PATCH', { content: 'x' }, ''],
      ['DELETE', undefined, ''],
      ['DELETE', {}, ''],
    ]
    for (const [method, body, rest] of unseen)
      expectProblem(await client.call(method, path + rest, body), 428, 'precondition_required')
    await client.call('PATCH', path, { content: 'mine', expected_revision: revision })
    const stale: [string, unknown, string, Record<string, string>][] = [
      ['PATCH', { content: 'x' }, '', { 'If-Match': `"${String(revision)}"` }],
      ['PATCH', { content: 'x' }, '', { 'If-Match': `"${String(revision)}", "99"` }],
      ['PATCH', { content: 'x', expected_revision: revision }, '', {}],
      ['PATCH', { content: 'x', expected_revision: revision }, '', { 'If-Match': '*' }],
      [
        'PATCH',
        { content: 'x', expected_revision: revision },
        '',
        { 'If-Match': `"${String(revision + 1)}", "${String(revision)}"` },
      ],
      ['DELETE', undefined, '', { 'If-Match': `"${String(revision)}"` }],
      ['DELETE', undefined, `?expected_revision=${String(revision)}`, {}],
      ['DELETE', { expected_revision: revision }, '', {}],
    ]
    for (const [method, body, rest, headers] of stale) {
      const answer = await client.call(method, path + rest, body, headers)
      expectProblem(answer, 409, 'revision_conflict')
      const { queue_revision, pending } = answer.body
      expect(answer.body).toMatchObject({ pending_id: 'm', revision: revision + 1, pending: { content: 'mine' } })
      expect([etag(answer), queue_revision]).toEqual([`"${String(revision + 1)}"`, expect.any(Number)])
      expect(pending).toEqual((await client.call('GET', path)).body)
    }
  })

  it('is not changed by a tag that is none of its own, or by two that cannot both be true', async () => {
    const { path } = await one()
    const { revision } = (await client.call('GET', path)).body
    const own = String(revision)
    for (const tag of [
      own,
      `W/${own}`,
      `"q${own}"`,
      'nonsense',
      '"nonsense"',
      '""',
      `"0${own}"`,
      `"${own}", 2`,
      `"${own}",`,
      '*, "1"',
    ])
      for (const [method, body] of [['PATCH', { content: 'x' }], ['DELETE']] as [string, unknown?][]) {
        const answer = await client.call(method, path, body, { 'If-Match': tag })
        expectProblem(answer, 400, 'invalid_request')
        expect(answer.body.detail).toMatch(/^If-Match must be an ETag of GET .*, such as "3" with its quotation marks, or \*/)
      }
    const other = { expected_revision: revision + 1 }
    const query = `?expected_revision=${own}`
    const contradictions: [string, unknown, string, Record<string, string>][] = [
      ['PATCH', { content: 'x', ...other }, '', { 'If-Match': `"${own}"` }],
      ['PATCH', { content: 'x', ...other }, '', { 'If-Match': `"${own}", "99"` }],
      ['DELETE', other, '', { 'If-Match': `"${own}"` }],
      ['DELETE', undefined, query, { 'If-Match': '"99"' }],
      ['DELETE', other, query, {}],
    ]
    for (const [method, body, rest, headers] of contradictions) {
      const answer = await client.call(method, path + rest, body, headers)
      expectProblem(answer, 400, 'invalid_request')
      expect(answer.body.detail).toMatch(/give one of them/)
    }
    expect((await client.call('GET', path)).body).toMatchObject({ revision, content: 'before' })
    const agreed = { expected_revision: revision }
    expectAnswer(await client.call('DELETE', path + query, agreed, { 'If-Match': `"${own}"` }), DELETE, 200)
  })

  it('is changed once by a request that comes twice, whatever the tag', async () => {
    const { path } = await one()
    const { revision } = (await client.call('GET', path)).body
    const twice = async (method: string, body: unknown, tag: string) => {
      const headers = { 'If-Match': tag, 'Idempotency-Key': `${method} ${tag}` }
      const first = await client.call(method, path, body, headers)
      const again = await client.call(method, path, body, headers)
      const route = method === 'PATCH' ? PATCH : DELETE
      return [expectAnswer(first, route, 200), expectAnswer(again, route, 200)]
    }
    for (const tag of ['*', `"${String(revision + 1)}", "99"`, `"${String(revision + 2)}"`]) {
      const [first, again] = await twice('PATCH', { content: `for ${tag}` }, tag)
      expect(again).toEqual(first)
    }
    expect((await client.call('GET', path)).body.revision).toBe(revision + 3)
    const [gone, again] = await twice('DELETE', undefined, '*')
    expect(again.pending).toEqual({ ...gone.pending, content: null, metadata: null })
  })

  it('is not given what is no message', async () => {
    const { path } = await one()
    for (const body of [
      {},
      { content: [] },
      { content: 'x', message: { content: 'y' } },
      { message: { role: 'tool', content: 'x' } },
      { message: { role: 'user' } },
      { content: 'x', expected_revision: -1 },
    ])
      expectProblem(await client.call('PATCH', path, body, { 'If-Match': '*' }), 400, 'invalid_request')
    const large = { content: 'x'.repeat(262_145) }
    expectProblem(await client.call('PATCH', path, large, { 'If-Match': '*' }), 413, 'payload_too_large')
    expectProblem(await client.call('DELETE', `${path}?expected_revision=x`), 400, 'invalid_request')
  })

  it('of two who change it at once, one is told', async () => {
    const { path } = await one()
    const { revision } = (await client.call('GET', path)).body
    const both = await Promise.all(
      ['ada', 'bob'].map((content) => client.call('PATCH', path, { content, expected_revision: revision })),
    )
    const [won, lost] = both.sort((a, b) => a.status - b.status)
    expect(won?.status).toBe(200)
    expectProblem(lost as never, 409, 'revision_conflict')
    expect(lost?.body.pending.content).toBe(won?.body.pending.content)
  })

  it('is taken back, with the run that was for it alone', async () => {
    const { path, id } = await one()
    const { body: seen } = await client.call('GET', path)
    const headers = { 'Idempotency-Key': 'take back', 'If-Match': `"${String(seen.revision)}"` }
    const first = await client.call('DELETE', path, undefined, headers)
    expect(expectAnswer(first, DELETE, 200).pending).toEqual(seen)
    expect(await scene.settled(seen.run_id)).toMatchObject({ termination: { type: 'cancelled' }, started_at: null })
    expect(await scene.pending(id)).toMatchObject({ items: [], queue_revision: first.body.queue_revision })
    const again = await client.call('DELETE', path, undefined, headers)
    expect(expectAnswer(again, DELETE, 200)).toMatchObject({ pending: { pending_id: 'm', content: null } })
    for (const [method, body] of [['GET'], ['PATCH', { content: 'x' }], ['DELETE']] as [string, unknown?][]) {
      const answer = await client.call(method, path, body, { 'If-Match': '*' })
      expectProblem(answer, 410, 'pending_gone')
      expect(answer.body).toMatchObject({ pending_id: 'm', state: 'retracted' })
    }
    expect(await scene.receipt(id, 'm')).toMatchObject({ message_id: 'm', state: 'retracted', at: expect.stringMatching(/Z$/) })
  })

  it('can be changed no more once a run has read it, however long ago', async () => {
    const { thread_id, run_id } = await scene.start('/slow 20000 a b c d')
    const old = (await scene.post(thread_id, 'old', {}, { id: 'm' })).body
    await client.call('POST', `/v1/runs/${run_id as string}/cancel`)
    await scene.settled(old.run_id)
    // More than the thread remembers by heart leave the queue after it.
    const blocker = (await scene.post(thread_id, '/slow 20000 a b c d')).body
    for (let n = 0; n < 22; n++) await scene.post(thread_id, 'x', {}, { id: `x${String(n)}` })
    await client.call('POST', `/v1/threads/${thread_id as string}/interrupt`)
    await scene.settled(blocker.run_id)
    const path = `/v1/threads/${thread_id as string}/pending`
    const requests: [string, string, unknown?][] = [
      ['GET', ''],
      ['PATCH', '', { content: 'x' }],
      ['DELETE', ''],
      ['POST', '/hold'],
      ['POST', '/release'],
    ]
    for (const guard of [{ 'If-Match': '*' }, { 'If-Match': '"1"' }] as Record<string, string>[])
      for (const [method, rest, body] of requests) {
        const read = await client.call(method, `${path}/m${rest}`, body, guard)
        expectProblem(read, 410, 'already_consumed')
        expect(read.body).toMatchObject({ pending_id: 'm', run_id: old.run_id, step: 1, message_seq: expect.any(Number) })
        const unread = await client.call(method, `${path}/x0${rest}`, body, guard)
        expectProblem(unread, 410, 'pending_gone')
        expect(unread.body).toMatchObject({ pending_id: 'x0', state: 'undelivered', reason: expect.any(String) })
        expectProblem(await client.call(method, `${path}/never${rest}`, body, guard), 404, 'pending_not_found')
      }
    expect(await scene.receipt(thread_id, 'x0')).toMatchObject({ state: 'undelivered', reason: expect.any(String) })
  }, 30_000)
})

describe('the receipt of a message', () => {
  it('says where it stands, and 404 for what nobody sent', async () => {
    const { id } = await one()
    const pending = await client.call('GET', `/v1/threads/${id}/messages/m/receipt`)
    expect(expectAnswer(pending, 'GET /v1/threads/:id/messages/:mid/receipt', 200)).toMatchObject({
      state: 'pending',
      position: 1,
    })
    for (const mid of ['never', 'a%20b'])
      expectProblem(await client.call('GET', `/v1/threads/${id}/messages/${mid}/receipt`), 404, 'message_not_found')
    expectProblem(await client.call('GET', '/v1/threads/nobody/messages/m/receipt'), 404, 'thread_not_found')
  })
})
