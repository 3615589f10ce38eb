import { loadConfig } from '../../src/config.ts'

/** Where `npm start` keeps an empty database, which makes a store of a test's own quick. */
export const cache_dir = loadConfig().cacheDir
