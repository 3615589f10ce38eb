import { defineConfig } from 'vitest/config'

/** Tests of workflows drive a real Temporal server; tests of the program start real processes. */
const ENGINE = ['test/workflow/**/*.test.ts', 'test/e2e/**/*.test.ts', 'test/replay/**/*.test.ts', 'test/timers/**/*.test.ts']
/** They measure how soon something happens, and so run alone. */
const TIMED = ['test/e2e/interrupt.test.ts']
const PROGRAM = [
  ...TIMED,
  'test/program/**/*.test.ts',
  'test/chaos/**/*.test.ts',
  'test/faults/**/*.test.ts',
  'test/fuzz/**/*.test.ts',
  'test/scale/**/*.test.ts',
]

/** Their long forms are for `npm run test:chaos` alone. */
const STORMS = ['crash-storm', 'hand-over-storm', 'kill-points', 'network-storm'].map((name) => `test/chaos/${name}.test.ts`)

/** One after the other: they share two cores with the servers they start. */
const SEQUENTIAL = { fileParallelism: false, hookTimeout: 60_000 }

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    maxWorkers: 2,
    // Whoever writes a test that hangs should hear of it soon.
    testTimeout: 20_000,
    // A busy machine starts a database in tens of seconds.
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    expect: { poll: { timeout: 15_000 } },
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: [...ENGINE, ...PROGRAM] } },
      {
        extends: true,
        // Two at a time: most of them wait, for the server to delete or for a worker to be missed.
        test: {
          name: 'engine',
          include: ENGINE,
          exclude: TIMED,
          setupFiles: ['test/support/quiet-sdk.ts'],
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'program',
          include: PROGRAM,
          exclude: ['test/chaos/network-storm.test.ts'],
          ...SEQUENTIAL,
          testTimeout: 90_000,
        },
      },
      { extends: true, test: { name: 'storm', include: STORMS, ...SEQUENTIAL, testTimeout: 90_000 } },
    ],
  },
})
