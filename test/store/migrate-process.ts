import { createStore } from '../../src/store/index.ts'

/** A process of its own that migrates the database of its argument and prints what it applied. */
const store = await createStore({ database_url: process.argv[2] ?? '' })
process.stdout.write(JSON.stringify(await store.migrate()))
await store.close()
