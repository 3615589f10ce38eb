import { beginContract } from './contract-begin.ts'
import { conversationContract } from './contract-conversation.ts'
import { keysContract } from './contract-keys.ts'
import { expiryContract } from './contract-expiry.ts'
import type { Database } from '../../src/store/database.ts'
import { leasesContract } from './contract-leases.ts'
import { modelInputContract } from './contract-model-input.ts'
import { forksContract } from './contract-forks.ts'
import { pendingContract } from './contract-pending.ts'
import { persistContract } from './contract-persist.ts'
import { receiptsContract } from './contract-receipts.ts'
import { refsContract } from './contract-refs.ts'
import { threadsContract } from './contract-threads.ts'
import { ticketsContract } from './contract-tickets.ts'
import { webhooksContract } from './contract-webhooks.ts'
import type { Store } from '../../src/store/store.ts'

/** What every store must do, whichever program serves its dialect. `store` and the `database` under it are asked for inside tests. */
export function storeContract(store: () => Store, database: () => Database): void {
  threadsContract(store)
  persistContract(store)
  beginContract(store)
  refsContract(store)
  conversationContract(store)
  modelInputContract(store, database)
  forksContract(store)
  pendingContract(store)
  receiptsContract(store)
  ticketsContract(store)
  keysContract(store)
  leasesContract(store)
  webhooksContract(store)
  expiryContract(store)
}
