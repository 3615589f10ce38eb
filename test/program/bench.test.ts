import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from '../support/sources.ts'

/** The measurements work from end to end: one part of them, with few tries, and what it says to programs. */
test('npm run bench measures commands, and ends with one JSON object', async () => {
  const args = [
    '--disable-warning=ExperimentalWarning',
    join(ROOT, 'bench', 'main.ts'),
    '--short',
    '--json',
    '--part',
    'commands',
  ]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  let [stdout, stderr] = ['', '']
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const code = await new Promise((resolve) => child.once('close', resolve))
  expect({ code, stderr, stdout }).toMatchObject({ code: 0 })
  const told = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
  expect(told.failed).toBe(0)
  for (const place of ['one_process', 'across_processes'])
    for (const command of ['interrupt', 'decision', 'edit'])
      expect(told.commands[place][command], `${place}, ${command}`).toMatchObject({ tries: 3, p50: expect.any(Number) })
  expect(Object.values(told.ratios).every((value) => typeof value === 'number')).toBe(true)
})
