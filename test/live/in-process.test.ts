import { createInProcessBus } from '../../src/live/in-process.ts'
import { describeBus } from './bus-contract.ts'

const none = (): Promise<void> => Promise.resolve()

describeBus('the bus of one process', () => {
  const bus = createInProcessBus()
  return Promise.resolve({ near: bus, far: bus, close: none })
})
