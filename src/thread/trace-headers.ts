/** Headers by which a trace context travels: activities and clients read them, workflow code hands them on unread. */

/** Of what was sent; the name that Temporal's own interceptors use, so that others' clients join in. */
export const CARRIER = '_tracer-data'
/** The context of the submit that a run came from, where a later command has moved the run since. */
export const ORIGIN = '_weft-origin'
/** The same for each run that a batch ends, and for all that a new execution takes over. */
export const ORIGIN_OF = '_weft-origin/'
