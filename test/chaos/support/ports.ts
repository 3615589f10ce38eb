import type { Store } from '../../../src/store/store.ts'
import type { Points } from './points.ts'

/** Every group of rows of the store is a port, whatever groups there are, and so is the store itself. */
export function wrapStore(points: Points, store: Store): Store {
  const groups = Object.entries(store).filter(([, part]) => typeof part === 'object')
  return points.wrap('store', {
    ...store,
    ...(Object.fromEntries(groups.map(([name, part]) => [name, points.wrap(name, part as object)])) as Partial<Store>),
  })
}

/** Groups of rows, which do nothing but with the database: a method of them that has only read has no effect to be cut off. */
export function isOfRows(point: string): boolean {
  return !/^(store|bus|gateway|reconciler|waker|workflows|activities)\./.test(point)
}
