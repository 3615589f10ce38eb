import type { Delivery } from '../../../src/thread/pending.ts'

/** What people do on a thread, without saying by which way, and the log that it must lead to by every way. */
export type Story = { name: string; steps: [Submit, ...Step[]]; log: string[] }
export type Step = Command | Wait

export type Submit = { do: 'submit'; id: string; text: string; mode?: string; delivery?: Partial<Delivery> }
export type Command =
  | Submit
  | { do: 'edit'; id: string; text: string }
  | { do: 'retract'; id: string }
  | { do: 'reorder'; ids: string[] }
  | { do: 'hold'; id: string }
  | { do: 'release'; id: string }
  | { do: 'interrupt'; queue: 'park' | 'keep' | 'supersede' }
  | { do: 'resume_queue' }
  | { do: 'decide'; about: string; action: 'resume' | 'cancel'; reason?: string }
/** Nobody waits for a time: a story goes on when something has happened. */
export type Wait = { wait: 'log'; line: string } | { wait: 'at the gate' } | { wait: 'speaking' } | { wait: 'gate open' }

/** A message with an id of its writer's choice, which it keeps in the log. */
export const submit = (id: string, text: string, more: Pick<Submit, 'mode' | 'delivery'> = {}): Submit => ({
  do: 'submit',
  id,
  text,
  ...more,
})
export const steer = (id: string, text: string): Step => submit(id, text, { mode: 'steer' })
export const edit = (id: string, text: string): Step => ({ do: 'edit', id, text })
export const retract = (id: string): Step => ({ do: 'retract', id })
export const reorder = (...ids: string[]): Step => ({ do: 'reorder', ids })
export const hold = (id: string): Step => ({ do: 'hold', id })
export const release = (id: string): Step => ({ do: 'release', id })
export const park = (): Step => ({ do: 'interrupt', queue: 'park' })
export const resumeQueue = (): Step => ({ do: 'resume_queue' })
/** `about`: something that only the arguments of this call say. */
export const approve = (about: string): Step => ({ do: 'decide', about, action: 'resume' })
export const deny = (about: string, reason: string): Step => ({ do: 'decide', about, action: 'cancel', reason })

/** Until the log has a line that begins so. */
export const until = (line: string): Step => ({ wait: 'log', line })
/** Until a run stands at the gate (see support/gate.ts). */
export const atTheGate = (): Step => ({ wait: 'at the gate' })
/** Lets it pass. */
export const openTheGate = (): Step => ({ wait: 'gate open' })
/** Until the model has said its first word. */
export const speaking = (): Step => ({ wait: 'speaking' })
