import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createPlace } from '../support/program.ts'
import { ROOT } from '../support/sources.ts'

let place: ReturnType<typeof createPlace>
beforeEach(() => {
  place = createPlace()
})
afterEach(() => {
  place.clean()
})

/** `weft keys …` as a process of its own, in the place's directory. */
function weft(args: string[], env: Record<string, string> = {}): Promise<{ code: number; stdout: string; stderr: string }> {
  const { PATH, HOME } = process.env
  const options = { cwd: place.dir, env: { PATH, HOME, WEFT_DATA_DIR: place.dataDir, ...env }, timeout: 60_000 }
  return new Promise((resolve) => {
    execFile(process.execPath, [join(ROOT, 'src', 'cli', 'main.ts'), 'keys', ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

const status = async (api: string, path: string, key?: string): Promise<number> =>
  (await fetch(`${api}${path}`, { headers: key === undefined ? {} : { authorization: `Bearer ${key}` } })).status

test('a key is made before the first start, and the service then lets nobody in without one', async () => {
  const made = await weft(['create', '--store', '--role', 'operator', '--name', 'me'])
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^weft_[a-z2-7]{16}_[\w-]{43}\n$/) })
  const operator = made.stdout.trim()
  const program = place.start({ LOG_LEVEL: 'debug' })
  const { api } = await program.facts
  expect(await status(api, '/v1/threads')).toBe(401)
  expect(await status(api, '/v1/threads', operator)).toBe(200)
  expect(await status(api, '/health')).toBe(200)
  expect(await status(api, '/metrics')).toBe(401)
  expect(await status(api, '/metrics', operator)).toBe(200)

  // While it runs, the embedded store is the service's own, and the command line goes through it.
  const past = await weft(['list', '--store'])
  expect(past).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('in use by another Weft process') })
  expect(await weft(['list', '--api', api])).toMatchObject({ code: 2, stderr: expect.stringContaining('WEFT_API_KEY') })
  const through = (args: string[]) => weft([...args, '--json'], { WEFT_API: api, WEFT_API_KEY: operator })
  const user = JSON.parse((await through(['create', '--role', 'user', '--name', 'app', '--expires', '30'])).stdout) as Record<string, string> // prettier-ignore
  expect(user).toMatchObject({ role: 'user', tenant: 'default' })
  expect(await status(api, '/v1/threads', user['key'])).toBe(200)
  const list = JSON.parse((await through(['list'])).stdout) as { name: string; last_used_at: string | null }[]
  expect(list.map(({ name }) => name)).toEqual(['app', 'me'])
  expect(await through(['revoke', user['id'] ?? ''])).toMatchObject({ code: 0 })
  expect(await status(api, '/v1/threads', user['key'])).toBe(401)
  expect(await through(['create', '--role', 'root', '--name', 'x'])).toMatchObject({ code: 2, stderr: expect.stringContaining('no role') }) // prettier-ignore

  program.child.kill('SIGTERM')
  const { code, stdout, stderr } = await program.ended
  expect(code).toBe(0)
  for (const secret of [operator, user['key'] ?? '']) expect(stdout + stderr).not.toContain(secret.slice(-43))
})

test('where no service answers at the address that was asked for, no store is touched', async () => {
  const { code, stdout, stderr } = await weft(['create', '--role', 'user', '--name', 'x'], { WEFT_API: 'http://127.0.0.1:1' })
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(/^Nothing answers at http:\/\/127\.0\.0\.1:1\./)
})
