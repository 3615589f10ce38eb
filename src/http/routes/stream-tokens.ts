import { z } from 'zod'
import { requireThread } from '../lookup.ts'
import { time } from '../present.ts'
import { json } from '../response.ts'
import { route, type Route } from '../route.ts'
import { threadId } from '../schemas/common.ts'
import { DEFAULT_TTL_S, postStreamToken, streamToken } from '../schemas/keys.ts'

/** For places that can send no header: a browser's EventSource. */
export function streamTokenRoutes(): Route[] {
  return [
    route({
      params: z.object({ id: threadId }),
      missing: 'thread_not_found',
      tag: 'Events',
      method: 'post',
      path: '/v1/threads/:id/stream-tokens',
      summary: 'Make a token that reads and follows this thread for a while, as ?access_token=',
      body: postStreamToken,
      body_optional: true,
      responses: { '201': { description: 'The token', schema: streamToken } },
      problems: ['thread_not_found', 'thread_deleted'],
      async handle(context, { params: { id }, body: { ttl_s = DEFAULT_TTL_S } }) {
        await requireThread(context, id)
        const { token, expires_at } = await context.auth.streamTokens.issue(context.principal, id, ttl_s * 1000)
        return json({ access_token: token, thread_id: id, expires_at: time(expires_at) }, 201)
      },
    }),
  ]
}
