import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A source file: its path from the root, its text, and what it imports (packages by name, files by path). */
export type Source = { path: string; text: string; imports: string[] }

/** As prettier writes them: each ends its line, and a long one ends with `} from '…'`. */
const IMPORT = /^(?:import|export|\}) ?(?:[^'\n]*\bfrom )?'([^']+)'$|\bimport\('([^']+)'\)/gm

/** The project's sources under the folders or files, tests included where asked for. */
export function sources(...patterns: string[]): Source[] {
  const paths = globSync(patterns, { cwd: ROOT }).map((path) => path.split(sep).join('/'))
  return paths.sort().map((path) => {
    const text = readFileSync(join(ROOT, path), 'utf8')
    const imports = [...text.matchAll(IMPORT)].map(([, from, lazy]) => resolveImport(path, from ?? lazy ?? ''))
    return { path, text, imports }
  })
}

function resolveImport(path: string, specifier: string): string {
  return specifier.startsWith('.')
    ? normalize(join(dirname(path), specifier))
        .split(sep)
        .join('/')
    : specifier
}

/** `src/thread` for a file in it, `workflows` for one of the workflow's, `src/config.ts` for that file itself. */
export function roomOf(path: string): string {
  const [top = '', next = ''] = path.split('/')
  return top === 'src' ? `src/${next}` : top
}
