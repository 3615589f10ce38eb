import type { Behaviour, Behaviours } from '../support/stage.ts'
import { decisions } from './decisions.ts'
import { garbage } from './garbage.ts'
import { lives } from './lives.ts'
import { model } from './model.ts'
import { others } from './others.ts'
import { queue } from './queue.ts'
import { stop } from './stop.ts'
import { store } from './store.ts'
import { submit } from './submit.ts'
import { tools } from './tools.ts'

const GROUPS: Behaviours[] = [submit, queue, stop, tools, decisions, model, lives, garbage, store, others]

/** Everything that is recorded, by name. A name is also the thread's id and begins the names of its histories. */
export const BEHAVIOURS: ReadonlyMap<string, Behaviour> = new Map(
  GROUPS.flatMap((group) => Object.entries(group)).map(([name, given]) => [
    name,
    typeof given === 'function' ? { play: given } : given,
  ]),
)
