import { expect, test } from 'vitest'
import { countReport, sentence, type VitestReport } from '../../scripts/test-report.ts'

const report = (more: Partial<VitestReport> = {}): VitestReport => ({
  numPassedTests: 5,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [],
  ...more,
})

test('counts tests by outcome', () => {
  expect(sentence(countReport(report(), 0))).toBe('5 passed, 0 failed')
  expect(sentence(countReport(report({ numPendingTests: 1, numTodoTests: 2 }), 0))).toBe('5 passed, 0 failed, 3 skipped')
  expect(countReport(report({ numFailedTests: 2 }), 1)).toMatchObject({ failed: 2 })
})

test('counts what fails outside of tests', () => {
  const broken = { status: 'failed', assertionResults: [] }
  expect(countReport(report({ testResults: [broken] }), 1)).toMatchObject({ failed: 1 })
  expect(countReport(report(), 1)).toMatchObject({ passed: 5, failed: 1 })
  expect(countReport(report(), null)).toMatchObject({ failed: 1 })
  expect(countReport(null, 1)).toEqual({ passed: 0, failed: 1, skipped: 0 })
})
