import { type ErrorCode, TrunklineError } from '@trunkline/contract'

/** What a verb did with one job of many. */
export type JobAnswer =
  | { readonly jobId: string; readonly ok: true; readonly answer: string }
  /** `code` is a row of the error table, `reason` its sentence, `hint` the next step. */
  | { readonly jobId: string; readonly ok: false; readonly code: ErrorCode; readonly reason: string; readonly hint: string }

/** What a verb keeps of jobs, by id, so that it can be undone. */
export type Kept = Map<string, object>

/** A verb that a job can refuse; its participle, as sentences use it. */
export type RefusableVerb = 'cancelled' | 'retried' | 'rerun' | 'promoted' | 'updated' | 'deleted' | 'restored'

const ended = {
  updated: 'It has ended; re-run it as a new job with other options: trunkline jobs rerun {job}.',
  promoted: 'It has ended; run it again with: trunkline jobs retry {job}.',
  cancelled: 'It has ended already.',
}

/** What to do instead, by verb and place. */
const advice: Record<RefusableVerb, Record<string, string>> = {
  cancelled: { completed: ended.cancelled, failed: ended.cancelled, cancelled: ended.cancelled },
  retried: {
    completed: 'To run it once more, re-run it as a new job: trunkline jobs rerun {job}.',
    running: 'Wait for its end, or cancel it first.',
    pending: 'It is waiting for its turn already.',
    blocked: 'It is waiting for other jobs already; see: trunkline jobs why {job}.',
    replaced: 'Another job with its key took its place; re-run it as a new job: trunkline jobs rerun {job}.',
    expiring: 'Retention is about to remove it; re-run it as a new job: trunkline jobs rerun {job}.',
  },
  rerun: {
    pending: 'It has not run yet: change it (trunkline jobs update {job}) or start it now (trunkline jobs promote {job}).',
    running: 'Wait for its end, or cancel it first.',
    blocked: 'It has not run yet: change it (trunkline jobs update {job}), or see what it waits for (trunkline jobs why {job}).',
  },
  promoted: {
    due: 'It starts as soon as a slot is free; see: trunkline jobs why {job}.',
    blocked: 'It starts when the jobs that it depends on have ended; see: trunkline jobs why {job}.',
    running: 'It runs already.',
    completed: ended.promoted,
    failed: ended.promoted,
    cancelled: ended.promoted,
  },
  updated: {
    running: 'Only waiting jobs can be changed; cancel it first, or re-run it when it has ended.',
    completed: ended.updated,
    failed: ended.updated,
    cancelled: ended.updated,
  },
  deleted: { running: 'Cancel it first: trunkline jobs cancel {job}.' },
  restored: {
    running: 'It has started since.',
    completed: 'It has run since.',
    failed: 'It has run since.',
    cancelled: 'It was cancelled since; run it again with: trunkline jobs retry {job}.',
    pending: 'Somebody has brought it back already.',
    'asked to end': 'It ran when it was cancelled; when it has ended, run it again with: trunkline jobs retry {job}.',
    changed: 'Somebody has changed it since; look at it with: trunkline jobs show {job}.',
    expiring: 'Retention is about to remove it; re-run it as a new job: trunkline jobs rerun {job}.',
  },
}

/** Why a verb was refused, as the error that a single call throws. */
export function refusal(verb: RefusableVerb, id: string, place: string): TrunklineError {
  if (place === 'gone') return new TrunklineError('job_not_found', { field: 'jobId', received: id })
  if (place === 'key_taken') return new TrunklineError('key_taken', { job: id })
  const text = advice[verb][place] ?? 'Look at it with: trunkline jobs show {job}.'
  return new TrunklineError('wrong_state', { job: id, state: place, verb, advice: text.replaceAll('{job}', id) })
}

/** The answer of one job: what happened to it, or why not. */
export function answerOf(verb: RefusableVerb, id: string, place: string, happened: string | undefined): JobAnswer {
  if (happened !== undefined) return { jobId: id, ok: true, answer: happened }
  const { code, message, hint } = refusal(verb, id, place)
  return { jobId: id, ok: false, code, reason: message, hint }
}
