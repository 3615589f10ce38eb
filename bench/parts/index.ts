import type { Part } from '../part.ts'
import { apart } from './apart.ts'
import { commands } from './commands.ts'
import { growth } from './growth.ts'
import { long } from './long.ts'
import { memory } from './memory.ts'
import { reads } from './reads.ts'
import { runs } from './runs.ts'
import { untuned } from './untuned.ts'

/** All parts, in the order in which they are measured. The first is what is measured where nothing is said. */
export const PARTS: readonly Part[] = [runs, apart, commands, reads, growth, long, memory, untuned]
