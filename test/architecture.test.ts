import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { completed, missingEntries, type Lockfile } from '../scripts/lockfile.ts'
import { PROBLEMS } from '../src/http/problems.ts'
import { bundleThreadWorkflow } from '../src/temporal/workflow-bundle.ts'
import { ROOT, roomOf, sources } from './support/sources.ts'

/** Which rooms a room may know. What is not listed may not be imported; its own files always may. */
const MAY_KNOW: Record<string, string[]> = {
  'src/thread': [],
  workflows: ['src/thread'],
  'src/events': ['src/thread'],
  'src/log': [],
  'src/tracing': ['src/thread', 'src/log'],
  'src/store': ['src/thread'],
  'src/live': ['src/thread'],
  'src/auth': ['src/store'],
  'src/webhooks': ['src/thread'],
  'src/agent': ['src/thread', 'src/store'],
  activities: ['src/thread', 'src/store', 'src/live', 'src/agent', 'src/webhooks', 'src/log', 'src/tracing'],
  'src/temporal': ['src/thread', 'src/store', 'src/config.ts', 'src/start-error.ts'],
  'src/metrics': ['src/thread', 'src/store'],
  'src/http': ['src/thread', 'src/events', 'src/store', 'src/live', 'src/temporal', 'src/webhooks', 'src/auth', 'src/log'],
  'src/config.ts': ['src/config-values.ts'],
  'src/config-values.ts': [],
  'src/start-error.ts': [],
  'src/cli': ['src/thread', 'src/config.ts', 'src/auth', 'src/store'],
  'src/main.ts': ['src/config.ts', 'src/program'],
  'src/program': [
    ...['src/thread', 'src/store', 'src/live', 'src/agent', 'src/temporal', 'src/http', 'src/metrics', 'src/webhooks'],
    ...['src/auth', 'activities', 'src/log', 'src/tracing'],
    ...['src/config.ts', 'src/start-error.ts'],
  ],
}
/** Packages for rooms that may have only some. */
const MAY_USE: Record<string, RegExp> = {
  'src/thread': /^$/,
  workflows: /^@temporalio\/(workflow|common)$/,
  'src/auth': /^(jose|rate-limiter-flexible|node:[\w/]+)$/,
  'src/events': /^zod$/,
  'src/http': /^(express|cors|helmet|rate-limiter-flexible|zod|zod-openapi|node:[\w/]+)$/,
}
/** Of another room, only these files: what others may rely on. */
const DOORS: Record<string, RegExp> = {
  // The rest of it is loaded only where traces are sent.
  'activities → src/tracing': /^src\/tracing\/tracing\.ts$/,
  'src/program → src/tracing': /^src\/tracing\/tracing\.ts$/,
  'src/http → src/temporal': /^src\/temporal\/(gateway|names)\.ts$/,
}

const PRODUCT = sources('src/**/*.ts', 'activities/**/*.ts', 'workflows/**/*.ts')
const EVERYTHING = [...PRODUCT, ...sources('test/**/*.ts', 'scripts/**/*.{ts,mjs}', '*.ts', 'bench/**/*.ts')]

describe('imports', () => {
  test.each([...new Set(PRODUCT.map(({ path }) => roomOf(path)))])('of %s stay within what it may know', (room) => {
    const wrong: string[] = []
    for (const { path, imports } of PRODUCT.filter((source) => roomOf(source.path) === room)) {
      for (const imported of imports) {
        if (!isAllowed(room, imported)) wrong.push(`${path} → ${imported}`)
      }
    }
    expect(MAY_KNOW, 'every room has its rule').toHaveProperty([room])
    expect(wrong).toEqual([])
  })

  test('of the workflow bundle leave zod out', async () => {
    expect(await bundleThreadWorkflow()).not.toMatch(/node_modules\/zod|ZodObject/)
  }, 60_000)

  test('only src/config.ts reads the environment', () => {
    const readers = PRODUCT.filter(({ text }) => /\bprocess\.env\b|\bprocess\[['"]env/.test(text)).map(({ path }) => path)
    expect(readers).toEqual(['src/config.ts'])
  })
})

describe('files', () => {
  test('have at most 400 lines, and the median at most 100', () => {
    const lines = EVERYTHING.map(({ path, text }) => ({ path, count: text.split('\n').length - 1 })).sort(
      (a, b) => a.count - b.count,
    )
    expect(lines.filter(({ count }) => count > 400)).toEqual([])
    expect(lines[Math.floor(lines.length / 2)]?.count).toBeLessThanOrEqual(100)
  })

  test('have kebab-case names', () => {
    const names = EVERYTHING.map(({ path }) => basename(path))
    expect(names.filter((name) => !/^\d*[a-z0-9]+(-[a-z0-9]+)*(\.(test|config))?\.(ts|mjs)$/.test(name))).toEqual([])
  })
})

test('every error code is documented', () => {
  const page = join(ROOT, 'docs', 'errors.md')
  const documented = existsSync(page) ? readFileSync(page, 'utf8') : ''
  expect(Object.keys(PROBLEMS).filter((code) => !documented.includes(`\`${code}\``))).toEqual([])
})

describe('package-lock.json', () => {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lockfile

  test('has every platform; `node scripts/complete-lockfile.ts` mends it', () => {
    expect(Object.keys(missingEntries(lock))).toEqual([])
    expect(lock).toEqual(completed(lock))
  })

  test('names no host that others may not reach', () => {
    expect(JSON.stringify(lock)).not.toMatch(/"resolved"/)
  })
})

function isAllowed(room: string, imported: string): boolean {
  const isFile = /^(src|activities|workflows|test|scripts)\//.test(imported)
  if (!isFile) return MAY_USE[room]?.test(imported) ?? true
  const other = roomOf(imported)
  if (other === room) return true
  return (MAY_KNOW[room] ?? []).includes(other) && (DOORS[`${room} → ${other}`]?.test(imported) ?? true)
}
