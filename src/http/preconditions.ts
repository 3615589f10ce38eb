import type { Expected } from '../thread/command.ts'
import { HttpProblem } from './problems.ts'

/**
 * Nobody may change what they have not seen: a change says which revision it is meant for, by `If-Match` with an
 * entity tag of ours or by a number in the request.
 */

/** What tags stand for: a message's revision (`"3"`) or the queue's (`"q7"`). */
export type TagKind = 'entry' | 'queue'

export function tagOf(kind: TagKind, revision: number): string {
  return kind === 'queue' ? `"q${String(revision)}"` : `"${String(revision)}"`
}

const TAGS: Record<TagKind, RegExp> = { entry: /^(?:W\/)?"(0|[1-9]\d{0,14})"$/, queue: /^(?:W\/)?"q(0|[1-9]\d{0,14})"$/ }
const FORM: Record<TagKind, string> = {
  entry: 'an ETag of GET …/pending/{id}, such as "3"',
  queue: 'an ETag of GET …/pending, such as "q7"',
}

type Headers = Readonly<Record<string, string | undefined>>

/**
 * What the header and the number in the query or the body (`given`) say together; null: nothing. It is for the thread
 * to compare that with what it has: a repeat says the same after the revision has changed. Tags are taken weak or
 * strong. Throws `invalid_request` for what is no tag of this kind, and where header and number cannot both be true.
 */
export function expectedRevision(headers: Headers, kind: TagKind, given: number | undefined): Expected | null {
  const header = headers['if-match']?.trim()
  if (header === undefined || header === '') return given ?? null
  const tagged = header === '*' ? 'any' : revisionsIn(header, kind)
  if (given === undefined) return tagged
  if (tagged === 'any' || [tagged].flat().includes(given)) return given
  throw new HttpProblem(
    'invalid_request',
    `If-Match and the expected revision in the request, ${String(given)}, name different revisions; give one of them.`,
  )
}

/** True if the caller has this very version already. */
export function isKnown(headers: Headers, tag: string): boolean {
  const header = headers['if-none-match']
  return header !== undefined && (header.trim() === '*' || split(header).some((each) => each.replace(/^W\//, '') === tag))
}

function revisionsIn(header: string, kind: TagKind): number | number[] {
  const revisions = split(header).map((tag) => {
    const [, digits] = TAGS[kind].exec(tag) ?? []
    if (digits !== undefined) return Number(digits)
    const detail = `If-Match must be ${FORM[kind]} with its quotation marks, or *; ${tag.slice(0, 64)} is none.`
    throw new HttpProblem('invalid_request', detail)
  })
  const [only] = revisions
  return only !== undefined && revisions.length === 1 ? only : revisions
}

function split(header: string): string[] {
  return header.split(',').map((tag) => tag.trim())
}
