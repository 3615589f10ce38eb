import { gzipSync } from 'node:zlib'
import { encodeCursor } from '../../../src/http/cursors.ts'
import type { Route } from '../../../src/http/route.ts'
import { routeName } from '../../../src/http/roles.ts'
import { addressOf, BODIES, idsIn, type Samples } from '../../http/support/samples.ts'
import { kept } from './inside.ts'
import { ODD_NUMBERS, ODD_TEXTS } from './odd-values.ts'
import type { RawRequest } from './raw-http.ts'

/** `besides`: statuses that are right although the route does not name them; 0: the connection is closed. */
export type OddRequest = RawRequest & { route: Route; what: string; besides: readonly number[] }

type Header = RawRequest['headers'][number]

const JSON_TYPE = ['content-type', 'application/json'] as const
const ACCEPT = ['accept', 'application/json'] as const
const ODD_IDS = [
  ...['%00', '%0a', '%20', '%ff', '%zz', '%', '%ed%a0%80', '%f0%9f%98%80', '..%2f..%2fetc', '__proto__', 'constructor', '-', '.'],
  ...['0', '-1', '%27%20or%201%3d1', 'x'.repeat(128), 'x'.repeat(129), 'x'.repeat(160), 'x'.repeat(161), 'x'.repeat(7_000)],
]
const ODD_HEADERS: readonly [name: string, values: readonly string[], besides?: readonly number[]][] = [
  ['accept', ['', '*/*;q=0', 'text/plain', 'application/json;q=2', ',,,', 'a/b;'.repeat(1_000)]],
  ['accept-encoding', ['identity;q=0', 'gzip;q=x']],
  [
    'authorization',
    ['', 'Bearer', 'Bearer ', 'Bearer a b', 'Basic AAAA', `Bearer ${'x'.repeat(4_000)}`, 'Bearer \xff\xfe', 'bearer null'],
  ],
  ['x-api-key', ['', 'weft_', '\xe9', 'x'.repeat(4_000)]],
  [
    'content-type',
    [
      '',
      'application/json;charset=utf-16',
      'application/json;charset=',
      'text/html',
      'multipart/form-data',
      '/',
      'a'.repeat(300),
    ],
  ],
  ['content-encoding', ['gzip', 'br', 'zip', 'gzip, gzip', '']],
  ['idempotency-key', ['', ' ', 'k', 'x'.repeat(255), 'x'.repeat(256), '\xff', 'a\tb', '__proto__']],
  [
    'if-match',
    ['', '*', '"', '""', '"q"', '"1"', 'W/"1"', '"1", "q1"', '"99999999999999999999"', `${'"1",'.repeat(500)}"1"`, '\xff'],
  ],
  ['if-none-match', ['', '*', '"', '"q0"', 'W/"q0", "q1"', '\xff', '"1",'.repeat(900)]],
  ['last-event-id', ['', ' ', '0', '-1', 'null', '\xff', 'AAAA', 'x'.repeat(5_000), 'a b']],
  ['origin', ['null', 'http://evil.example', '\xff', 'x'.repeat(3_000)]],
  ['host', ['', 'evil.example', '127.0.0.1:99999', 'localhost', 'x y'], [400]],
  ['cookie', ['a=b; __proto__=c', '\xff'.repeat(2_000)]],
  ['expect', ['100-continue', 'something'], [417]],
  ['range', ['bytes=0-1', 'bytes=x']],
  ['transfer-encoding', ['chunked, gzip', 'gzip', 'x'], [0, 400, 501]],
  ['content-length', ['-1', 'x', '1, 2', '99999999999999999999'], [0, 400]],
  ['x-http-method-override', ['DELETE']],
  ['x-forwarded-for', ['127.0.0.1', '\xff']],
  ['x-long', ['x'.repeat(20_000)], [431]],
]
const deep = (levels: number): string => `{"custom":${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}}`
const ODD_BODIES: readonly (string | Buffer)[] = [
  ...[
    '',
    ' ',
    'null',
    'true',
    '1',
    '"x"',
    '[]',
    '[{}]',
    '{',
    '{"a":}',
    '{}{}',
    '\ufeff{}',
    '{"a":1,"a":2}',
    'NaN',
    '{a:1}',
    "{'a':1}",
  ],
  ...[
    '{"__proto__":{"polluted":true}}',
    '{"constructor":{"prototype":{"polluted":true}}}',
    '{"prototype":{},"hasOwnProperty":1}',
  ],
  ...['{"title":"\\u0000"}', '{"title":"\\ud800"}', '{"\\u0000":1}', '{"title":1e999}', '{"title":-0}', '{"toString":null}'],
  ...[deep(63), deep(64), deep(65), deep(5_000), `[${'['.repeat(50_000)}${']'.repeat(50_000)}]`],
  `{${Array.from({ length: 5_000 }, (_, index) => `"k${String(index)}":${String(index)}`).join()}}`,
  ...[Buffer.from([0x7b, 0xff, 0x7d]), Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), Buffer.from('{}', 'utf16le'), gzipSync('{}')],
]

/** Every odd request about one route that follows from what the router says of it. */
export function oddRequests(route: Route, of: Samples, who: Header): OddRequest[] {
  const method = route.method.toUpperCase()
  const target = addressOf(route.path, of)
  const sample = BODIES[routeName(route)]?.(of)
  const body = sample === undefined ? undefined : kept(method, route.path, JSON.stringify(sample))
  const good: unknown = body === undefined ? undefined : JSON.parse(body)
  const headers: Header[] = body === undefined ? [ACCEPT, who] : [ACCEPT, who, JSON_TYPE]
  const odd = (what: string, change: Partial<RawRequest>, besides: readonly number[] = []): OddRequest => ({
    ...{ route, what, besides, method, target, headers },
    ...(body === undefined ? {} : { body }),
    ...change,
  })
  const without = (name: string): RawRequest['headers'] => headers.filter(([known]) => known !== name)
  return [
    ...targets(route, of).map((each) => odd('id', { target: each }, [400, 404, 405, 431])),
    ...queries(route).map((query) => odd('query', { target: `${target}?${query}` })),
    ...ODD_HEADERS.flatMap(([name, values, besides]) =>
      values.map((value) => odd(name, { headers: [...without(name), [name, value]] }, [...(besides ?? []), 401, 415])),
    ),
    ...(body === undefined ? [] : [...ODD_BODIES, ...leaves(good)].map((each) => odd('body', { body: each }))),
    ...(body === undefined ? [odd('a body where none is taken', { body: '{"a":1}', headers: [...headers, JSON_TYPE] })] : []),
    odd('two hosts', { headers: [...headers, ['host', 'a'], ['host', 'b']] }, [0, 400]),
  ]
}

function targets({ path }: Route, of: Samples): string[] {
  const names = [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => name)
  const ids = names.length === 0 ? {} : idsIn(path, of)
  return names.flatMap((name) =>
    ODD_IDS.map((odd) => path.replace(/:(\w+)/g, (_all, each: string) => (each === name ? odd : (ids[each] ?? 'x')))),
  )
}

function queries({ query }: Route): string[] {
  const names = [...Object.keys(query?.shape ?? {}), 'unknown', '__proto__', 'constructor', 'a[b]', '%ff', '']
  const values = ODD_TEXTS.map((text) => (text.isWellFormed() ? encodeURIComponent(text) : '%ed%a0%80'))
  const each = names.flatMap((name) => values.map((value) => `${name}=${value}`))
  return [...each, ...names.map((name) => `${name}=1&${name}=2`), ...names, '&&&', '=', '%zz', `a=${'%'.repeat(9)}`]
}

/** The body with each of its values, and then each of its keys, replaced by something odd. */
function leaves(good: unknown): string[] {
  const odd: unknown[] = [null, true, [], {}, [[]], { a: 1 }, ...ODD_NUMBERS, ...ODD_TEXTS]
  return placesIn(good).flatMap((place) => odd.map((value) => JSON.stringify(withValue(good, place, value))))
}

function placesIn(value: unknown, at: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [at]
  return [...(at.length > 0 ? [at] : []), ...Object.entries(value).flatMap(([key, inner]) => placesIn(inner, [...at, key]))]
}

function withValue(value: unknown, [key, ...rest]: readonly string[], put: unknown): unknown {
  if (key === undefined) return put
  const inner = withValue((value as Record<string, unknown>)[key], rest, put)
  if (Array.isArray(value)) return value.map((each: unknown, index) => (String(index) === key ? inner : each))
  return { ...(value as object), [key]: inner }
}

/** Positions in cursors whose check is right: whoever has read the source can make them. */
const POSITIONS = [
  ...ODD_TEXTS.filter((text) => text.isWellFormed() && text.length < 1_000),
  ...[
    '-5',
    '1@x',
    '1@99999999999999999999',
    '999999999',
    '9007199254740993',
    '{"a":1}',
    '[]',
    '1,2',
    '0,0',
    '2025-01-01T00:00:00Z',
  ],
]

/** Requests with such cursors, in the query and where a stream is resumed; `scopes`: of lists and streams that there are. */
export function cursorRequests(route: Route, of: Samples, who: Header, scopes: readonly string[]): OddRequest[] {
  if (route.query?.shape['cursor'] === undefined) return []
  const target = addressOf(route.path, of)
  const cursors = scopes.flatMap((scope) => POSITIONS.map((position) => encodeCursor(scope, position)))
  const usual = { route, what: 'cursor', besides: [], method: 'GET' }
  return cursors.flatMap((cursor) => [
    { ...usual, target: `${target}?cursor=${cursor}`, headers: [ACCEPT, who] },
    ...('/stream' === route.path.slice(-7)
      ? [{ ...usual, target, headers: [ACCEPT, who, ['last-event-id', cursor] as const] }]
      : []),
  ])
}
