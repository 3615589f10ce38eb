import type { Command } from 'commander'
import { addExport } from './export.ts'

/** Each adds one subcommand; one file each. */
export const SUBCOMMANDS: readonly ((program: Command) => void)[] = [addExport]
