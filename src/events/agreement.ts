import type { EventKind, Payloads } from '../thread/event.ts'
import type { ContentPart, MessageKind } from '../thread/message.ts'
import type { Ticket } from '../thread/records.ts'
import type { EventPayloads } from './schemas.ts'

/** Compiles only while the schemas say what the core's payloads are once HTTP shows them. */

/** Times are text, a ticket's too; a committed message has its content in one form and the kind that it is of. */
type ShownTicket = Omit<Ticket, 'created_at' | 'expires_at'> & { created_at: string; expires_at?: string }
type ShownFields<P> = {
  [F in keyof P]: F extends `${string}_at`
    ? Exclude<P[F], number> | string
    : F extends 'ticket'
      ? ShownTicket
      : F extends 'tickets'
        ? ShownTicket[]
        : P[F]
}
export type ShownPayload<K extends EventKind> = K extends 'MessageCommitted'
  ? Omit<ShownFields<Payloads['MessageCommitted']>, 'content'> & { content_blocks: ContentPart[]; message_kind: MessageKind }
  : ShownFields<Payloads[K]>

/** Both ways, and with the same fields: a field that only one side knows is a difference, also an optional one. */
type Agrees<A, B> = [A] extends [B]
  ? [B] extends [A]
    ? [keyof A] extends [keyof B]
      ? [keyof B] extends [keyof A]
        ? true
        : false
      : false
    : false
  : false
/** Arguments of a ticket are any value to the core, and any JSON to readers. */
type Told<T> = T extends { arguments: unknown } & object ? Omit<T, 'arguments'> : T
type Comparable<P> = {
  [F in keyof P]: F extends 'ticket' ? Told<P[F]> : F extends 'tickets' ? (P[F] extends (infer T)[] ? Told<T>[] : never) : P[F]
}
type Differences = {
  [K in EventKind]: Agrees<Comparable<ShownPayload<K>>, Comparable<EventPayloads[K]>> extends true ? never : K
}[EventKind]

type Nothing<T extends never> = T
export type SchemasAgree = Nothing<Differences>
