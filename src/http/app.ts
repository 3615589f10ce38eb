import express, { type Express, type Request, type RequestHandler, type Response } from 'express'
import helmet from 'helmet'
import { groupBy } from './group.ts'
import { authenticate, contextOf } from './middleware/authenticate.ts'
import { allowOrigins } from './middleware/cors.ts'
import { errorMiddleware, notFound } from './middleware/errors.ts'
import { jsonBody } from './middleware/json-body.ts'
import { noteStream, observeRequests } from './middleware/observe.ts'
import { otherMethods } from './middleware/other-methods.ts'
import { createContext, type HttpContext, type HttpOptions } from './options.ts'
import { readInput } from './read-input.ts'
import { sendResponse } from './response.ts'
import type { Route } from './route.ts'
import { allRoutes } from './routes/index.ts'
import { writeLines } from './streams/lines.ts'
import { openSse } from './streams/sse.ts'
import { watchReader } from './streams/watch-reader.ts'

export type HttpApp = {
  app: Express
  /** Says on /health that this process is leaving, and asks callers for new connections; it goes on serving. */
  leave(): void
  /** Ends open streams and waits, so that the server can close. */
  close(): void
  /** Streams that are open now. */
  openStreams(): number
}

/** The HTTP façade over a store, a gateway and a bus. It keeps nothing; any number may serve the same threads. */
export function createHttpApp(options: HttpOptions): HttpApp {
  const closing = new AbortController()
  const context = createContext(options, closing.signal)
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', 'simple')
  app.use(observeRequests({ ...options, log: context.log }))
  // The service speaks plain HTTP; whatever ends TLS before it says so itself.
  app.use(helmet({ strictTransportSecurity: false, contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } }))
  if (context.cors_origins.length > 0) app.use(allowOrigins(context.cors_origins))
  app.use(neverCached)
  app.use((_req, res, next) => {
    // A connection that is kept would bring the next request to a closed door.
    if (context.leaving) res.set('Connection', 'close')
    next()
  })
  const byPath = groupBy(allRoutes(), ({ path }) => path)
  for (const [path, routes] of byPath) {
    for (const route of routes) {
      const body = route.body === undefined ? [] : jsonBody(context.limits.body_bytes, route.body_optional === true)
      app[route.method](path, authenticate(context, route), ...body, handler(route))
    }
    app.all(path, otherMethods(routes.map(({ method }) => method)))
  }
  app.use(notFound())
  app.use(errorMiddleware(context.log))
  return {
    app,
    leave() {
      context.leaving = true
    },
    close() {
      closing.abort()
    },
    openStreams: context.streams.inAll,
  }
}

/** Answers are of the moment, and of the caller. */
const neverCached: RequestHandler = (_req, res, next) => {
  res.set('Cache-Control', 'no-store')
  next()
}

function handler(route: Route): RequestHandler {
  return async (req, res) => {
    const shared = contextOf(res)
    const context = { ...shared, place: shared.streams.place(shared.tenant) }
    try {
      await answer(route, context, req, res)
    } finally {
      context.place.leave()
    }
  }
}

async function answer(route: Route, context: HttpContext, req: Request, res: Response): Promise<void> {
  const gone = new AbortController()
  res.on('close', () => {
    if (!res.writableFinished) gone.abort()
  })
  const response = await route.handle(context, readInput(route, req, gone.signal))
  if (gone.signal.aborted) return
  const open = response.kind === 'stream' || response.kind === 'lines'
  if (open && req.method === 'HEAD') {
    gone.abort()
    res
      .status(200)
      .type(response.kind === 'lines' ? response.type : 'text/event-stream')
      .end()
    return
  }
  if (!open) {
    sendResponse(res, response)
    return
  }
  context.place.take()
  noteStream(res)
  const watch = watchReader(context)
  try {
    if (response.kind === 'lines') await writeLines(res, response, { ...context, closing: watch.signal })
    else await response.run(openSse(res, response.headers ?? {}, context.limits, watch.signal))
  } finally {
    watch.stop()
    res.end()
  }
}
