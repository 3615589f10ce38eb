/** Sizes in bytes, counts and durations in milliseconds that the core enforces. Each says why it has its value. */

/** Content of one submit's messages together; Temporal itself ends a workflow at 2 MB of payload. */
export const MAX_CONTENT_BYTES = 256 * 1024
/** Everything else in one command (ids, metadata, overrides) on top of the content. */
export const MAX_ENVELOPE_BYTES = 64 * 1024
/** A run's `metadata`, `overrides` or tool `state`, each: they stay in the workflow's state while the run is open. */
export const MAX_METADATA_BYTES = 16 * 1024
/** Levels of nesting in one command; the HTTP edge allows as many. */
export const MAX_DEPTH = 64
/** Messages in one submit. */
export const MAX_MESSAGES_PER_SUBMIT = 100
/** Pending messages in one thread: each takes some 120 bytes of every write, with its run; one interrupt may end them all, in one write of 1.4 MB. */
export const MAX_PENDING = 1_000
/** Unstored events kept in the workflow while the store is away; above it `submit` is refused. */
export const MAX_OUTBOX_BYTES = 512 * 1024
/** Tool arguments larger than this stay in the store and enter events by reference. */
export const MAX_INLINE_ARGUMENTS_BYTES = 4 * 1024

/** The facts of a refusal that are kept for a repeat of the command. */
export const MAX_REMEMBERED_FACTS_BYTES = 2 * 1024
/** The ledger remembers this many commands, and none older than this. */
export const LEDGER_SIZE = 1000
export const LEDGER_AGE_MS = 24 * 60 * 60 * 1000

/** A model step is tried this often; waits 250 ms × 2^(attempt − 1), at most 30 s, between. */
export const MAX_STEP_ATTEMPTS = 5
export const RETRY_BASE_MS = 250
export const RETRY_CAP_MS = 30_000
/** How long a stopping run waits for its model step or tools before it goes on without them. */
export const MODEL_STOP_MS = 2_000
export const TOOL_STOP_MS = 5_000
/** How many messages that left the queue are remembered, to tell a late editor what became of them. */
export const DEPARTED_MEMORY = 20
/** How long a pending message may be held back, and for how long where nothing is said. */
export const MAX_HOLD_MS = 600_000
export const DEFAULT_HOLD_MS = 60_000
/** The thread's shared state as JSON. */
export const MAX_SHARED_BYTES = 16 * 1024
/** Messages that one tool call may stage into its run, and their content together. */
export const MAX_STAGED_MESSAGES = 20
export const MAX_STAGED_BYTES = 64 * 1024
/** How many decided tickets of earlier steps are remembered, to answer a late decision with who was first. */
export const DECIDED_MEMORY = 100

/** State larger than this is not handed to the next execution; it loads the thread from the store instead. */
export const MAX_CARRIED_BYTES = 1024 * 1024
/** An activity's input above this is not sent: the server ends a workflow for a payload of 2 MB. */
export const MAX_ACTIVITY_INPUT_BYTES = 1_800 * 1024
/** The queue and the runs together, in short as they are written; a command that would make them larger is refused. */
export const MAX_QUEUE_BYTES = 800 * 1024
/** Commands that come back with a thread that is loaded; older ones are looked up in the store. */
export const MAX_LEDGER_BYTES = 256 * 1024
/** Continue as new from this much written: a replay must go through it again within one workflow task. */
export const WRITTEN_BYTES = 16 * 1024 * 1024
/** Continue as new from this many events on, well before the server's own limits. */
export const HISTORY_EVENTS = 4096
