import type { Command } from 'commander'
import { addReconcile } from './reconcile.ts'

/** Each adds one subcommand; one file each. */
export const SUBCOMMANDS: readonly ((program: Command) => void)[] = [addReconcile]
