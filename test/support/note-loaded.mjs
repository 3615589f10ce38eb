import { appendFileSync } from 'node:fs'
import { registerHooks } from 'node:module'

/** For `--import`: writes the address of every module that the process loads into the file WEFT_TEST_LOADED. */
const file = process.env.WEFT_TEST_LOADED
registerHooks({
  load(url, context, next) {
    appendFileSync(file, `${url}\n`)
    return next(url, context)
  },
})
