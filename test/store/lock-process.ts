import { lockDataDir } from '../../src/store/data-dir-lock.ts'

/** A process of its own that holds a directory until it is killed. */
await lockDataDir(process.argv[2] ?? '')
process.stdout.write('held\n')
setInterval(() => undefined, 60_000)
