import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { EVENT_KINDS } from '../../src/events/schemas.ts'
import { logProblems } from '../support/check-log.ts'
import { ROOT } from '../support/sources.ts'
import { BROKEN, copy, told } from './broken-logs.ts'

test('between them the stories come to every kind of event, and their logs are in order', () => {
  for (const [name, log] of Object.entries(told)) expect({ name, wrong: logProblems(log) }).toEqual({ name, wrong: [] })
  const kinds = new Set(Object.values(told).flatMap((log) => log.map(({ kind }) => kind)))
  expect([...EVENT_KINDS].filter((kind) => !kinds.has(kind))).toEqual([])
})

describe('a log that is broken is found out', () => {
  test.each(BROKEN)('%s (%s, %#)', (said, story, breaks) => {
    const log = copy(told[story] ?? [])
    const broken = breaks(log) ?? log
    expect(logProblems(broken).join('\n')).toContain(said)
  })
})

test('each thing that the validator can say is said about one of them', () => {
  const rules = ['log-calls', 'log-messages', 'log-queue', 'log-runs', 'check-log'].map((name) => `test/support/${name}.ts`)
  const sentences = [...rules, 'src/events/ranges.ts'].flatMap((path) =>
    [...readFileSync(join(ROOT, path), 'utf8').matchAll(SENTENCE)].map(([, , text = '']) => text),
  )
  expect(sentences.length).toBeGreaterThan(60)
  const said = BROKEN.flatMap(([, story, breaks]) => {
    const log = copy(told[story] ?? [])
    return logProblems(breaks(log) ?? log)
  }).join('\n')
  const unsaid = sentences.filter((sentence) => !sentence.split(/\$\{.*?\}+/).every((part) => said.includes(part)))
  expect(unsaid).toEqual([])
})

/** A text at the end of a check or behind a condition. */
const SENTENCE = /(?:check\(.*, |&& |^ +|push\(|\? |: |\[)(['`])((?:(?!\1).)* (?:(?!\1).)*)\1(?:\)+|,|\])?,?$/gm
