import { execFile } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { EXECUTABLE_SUFFIX } from './cache.ts'

const VERSION_WAIT_MS = 20_000

/** Every executable file of this name in the directories, in order. */
export function findOnPath(program: string, searchPath: string[]): string[] {
  return searchPath.map((directory) => join(directory, program + EXECUTABLE_SUFFIX)).filter(isExecutable)
}

/** Whether this is a Temporal CLI that runs here: other programs may bear the name, and a copy may be cut short. */
export async function worksAsCli(path: string): Promise<boolean> {
  if (!isExecutable(path)) return false
  const answer = await promisify(execFile)(path, ['--version'], { timeout: VERSION_WAIT_MS }).catch(() => null)
  return answer !== null && /^temporal version /.test(answer.stdout)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
