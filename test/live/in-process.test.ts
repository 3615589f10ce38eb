import { createHub } from '../../src/live/hub.ts'
import { createInProcessBus } from '../../src/live/in-process.ts'
import { describeBus } from './bus-contract.ts'

const none = (): Promise<void> => Promise.resolve()

describeBus('the bus of one process', () => {
  const bus = createInProcessBus()
  return Promise.resolve({ near: bus, far: bus, close: none })
})
describeBus('the hub over it', () => {
  const bus = createHub(createInProcessBus())
  return Promise.resolve({ near: bus, far: bus, close: none })
})
