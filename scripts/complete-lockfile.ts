// Run after every change of the dependencies: `node scripts/complete-lockfile.ts`. See `missingEntries`.
import { readFileSync, writeFileSync } from 'node:fs'
import { completed, missingEntries, type Lockfile } from './lockfile.ts'

const path = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(path, 'utf8')) as Lockfile
const added = Object.keys(missingEntries(lock))
writeFileSync(path, `${JSON.stringify(completed(lock), null, 2)}\n`)
console.log(added.length === 0 ? 'The lockfile was complete.' : `Added ${added.length} entries:\n${added.join('\n')}`)
