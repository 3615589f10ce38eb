import type { Command } from 'commander'
import type { CliIo } from '../io.ts'
import { addExport } from './export.ts'
import { addKeys } from './keys.ts'
import { addReconcile } from './reconcile.ts'

/** Each adds one subcommand; one file each. */
export const SUBCOMMANDS: readonly ((program: Command, io: CliIo) => void)[] = [addExport, addKeys, addReconcile]
