/**
 * Nobody may change what they have not seen: a change says which revision it is meant for, by `If-Match` with an
 * entity tag of ours or by a number in the request.
 */

/** What tags stand for: a message's revision (`"3"`) or the queue's (`"q7"`). */
export type TagKind = 'entry' | 'queue'

export function tagOf(kind: TagKind, revision: number): string {
  return kind === 'queue' ? `"q${String(revision)}"` : `"${String(revision)}"`
}

const TAGS: Record<TagKind, RegExp> = { entry: /^(?:W\/)?"(\d{1,15})"$/, queue: /^(?:W\/)?"q(\d{1,15})"$/ }

export type Expectation = {
  headers: Readonly<Record<string, string | undefined>>
  kind: TagKind
  /** The expected revision that the query or the body gives. */
  given: number | undefined
  /** Reads the revision as it is now; asked only where a header leaves several open. */
  current: () => Promise<number>
}

/**
 * The revision that a request is meant for. `null`: it names none. `unmatched`: what it names cannot be the current
 * one. Tags are taken weak or strong; `*` stands for whatever is there now.
 */
export async function expectedRevision({ headers, kind, given, current }: Expectation): Promise<number | 'unmatched' | null> {
  const header = headers['if-match']?.trim()
  if (header === undefined || header === '') return given ?? null
  const tagged = header === '*' ? await current() : await ofTags(header, kind, current)
  return given === undefined || given === tagged ? tagged : 'unmatched'
}

/** True if the caller has this very version already. */
export function isKnown(headers: Readonly<Record<string, string | undefined>>, tag: string): boolean {
  const header = headers['if-none-match']
  return header !== undefined && (header.trim() === '*' || split(header).some((each) => each.replace(/^W\//, '') === tag))
}

async function ofTags(header: string, kind: TagKind, current: () => Promise<number>): Promise<number | 'unmatched'> {
  const revisions = split(header)
    .flatMap((tag) => TAGS[kind].exec(tag)?.[1] ?? [])
    .map(Number)
  const [only] = revisions
  if (only === undefined) return 'unmatched'
  if (revisions.length === 1) return only
  const now = await current()
  return revisions.includes(now) ? now : 'unmatched'
}

function split(header: string): string[] {
  return header.split(',').map((tag) => tag.trim())
}
