#!/usr/bin/env node
// `weft` as a program: the command line, by the bootstrap script, so that the right Node runs it wherever it is called.
import { fileURLToPath } from 'node:url'

process.argv.splice(2, 0, fileURLToPath(new URL('../src/cli/main.ts', import.meta.url)))
await import('./bootstrap.mjs')
