import { z } from 'zod'
import { refOf, requireThread, threadDeleted } from '../lookup.ts'
import { route, type Route } from '../route.ts'
import { threadId } from '../schemas/common.ts'
import { exportLine } from '../schemas/export.ts'
import { writeExport } from '../streams/export.ts'
import { checkStreams } from '../streams/listen.ts'

const TYPE = 'application/x-ndjson'

export function exportRoutes(): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/threads/:id/export',
      tag: 'Threads',
      summary: 'All of a thread, one JSON object a line',
      params: z.object({ id: threadId }),
      missing: 'thread_not_found',
      responses: { '200': { description: 'The thread as it was when the export began', media: { [TYPE]: exportLine } } },
      problems: ['thread_not_found', 'thread_deleted', 'too_many_streams'],
      async handle(context, { params: { id } }) {
        checkStreams(context)
        const ref = refOf(context, id)
        await requireThread(context, id)
        const start = await context.store.conversation.exportStart(ref)
        if (start === null) throw threadDeleted()
        const headers = { 'Content-Disposition': `attachment; filename="${id}.ndjson"` }
        return { kind: 'lines', type: TYPE, headers, run: (sink) => writeExport(context, ref, start, sink) }
      },
    }),
  ]
}
