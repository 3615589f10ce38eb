import type { Command } from 'commander'
import type { CliIo } from '../io.ts'
import { addKeys } from './keys.ts'

/** Each adds one subcommand; one file each. */
export const SUBCOMMANDS: readonly ((program: Command, io: CliIo) => void)[] = [addKeys]
