import { afterAll, beforeAll, describe, test } from 'vitest'
import { installGate, type Gate } from '../support/gate.ts'
import { names, Weft } from '../support/weft.ts'
import { approveTwoOfThree } from './approvals.ts'
import { barrierBeforeDeploy } from './barrier.ts'
import { byCli } from './by-cli.ts'
import { byHttp } from './by-http.ts'
import { holdWhileTyping } from './hold.ts'
import { parkAndResume } from './park.ts'
import { queueAndEdit } from './queue-and-edit.ts'
import { runStory } from './run-story.ts'
import { steerMidRun } from './steer.ts'

/** What people do with pending messages and runs: the same story by every way ends in the same log. */
const STORIES = [queueAndEdit, steerMidRun, barrierBeforeDeploy, holdWhileTyping, parkAndResume, approveTwoOfThree]
const weft = new Weft()
let gate: Gate
beforeAll(async () => {
  gate = await installGate(weft)
  await weft.start()
})
afterAll(async () => {
  weft.close()
  await gate.close()
})
const newThread = names('story')

describe.each(STORIES)('$name', (story) => {
  test.each([byHttp, byCli])('$name', (way) => runStory({ weft, gate, thread: newThread() }, story, way))
})
