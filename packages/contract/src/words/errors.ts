/**
 * The one table of errors: code → HTTP status, sentence (names what was received), hint (the next step).
 * `docs/errors.md` has a paragraph for each row; a test compares both.
 * In a sentence `{name}` is replaced by the value of that name.
 */
export const errorTable = {
  // what was asked is malformed
  invalid_option: { status: 400, sentence: '{field} is {received}; allowed: {allowed}', hint: 'Correct the option and try again.' },
  unknown_option: { status: 400, sentence: 'unknown option "{received}" for {where}{meant}', hint: 'Allowed: {allowed}.' },
  invalid_name: {
    status: 400,
    sentence: '{field} is {received}; a name has 1 to 128 characters of A-Z a-z 0-9 _ . : / -',
    hint: 'Choose a name of those characters.',
  },
  invalid_payload: {
    status: 400,
    sentence: 'the payload of {task} breaks its schema at {field}: {problem}',
    hint: 'Correct that field; see the input schema of the task.',
  },
  payload_not_json: {
    status: 400,
    sentence: '{field} cannot be stored as JSON: {problem}',
    hint: 'Send plain objects, arrays, strings, finite numbers, booleans and null.',
  },
  payload_too_large: {
    status: 413,
    sentence: '{field} has {received} bytes; at most {allowed} are stored',
    hint: 'Store the data elsewhere (a file, an object store) and put its address into the payload.',
  },
  payload_too_deep: {
    status: 400,
    sentence: '{field} is nested deeper than {allowed} levels',
    hint: 'Flatten it, or send it as a string.',
  },
  payload_bad_text: {
    status: 400,
    sentence: '{field} contains {received}, which PostgreSQL cannot store as JSON text',
    hint: 'Remove the character, or send the bytes as base64.',
  },
  payload_number_unsafe: {
    status: 400,
    sentence: '{field} is {received}; numbers beyond ±9007199254740991 lose digits in JSON',
    hint: 'Send it as a string.',
  },
  invalid_run_at: {
    status: 400,
    sentence: '{field} is {received}; allowed: a time between the years 1970 and 9999',
    hint: 'Use a Date or RFC 3339 text such as 2030-01-31T09:00:00Z.',
  },
  invalid_priority: {
    status: 400,
    sentence: 'priority is {received}; allowed: a whole number from -100 to 100, higher runs first',
    hint: 'Choose a priority in that range.',
  },
  invalid_duration: {
    status: 400,
    sentence: '{field} is {received}; allowed: milliseconds as a number, or text such as 500ms, 30s, 2m, 1h, 1d, up to ten years',
    hint: 'Correct the duration.',
  },
  flow_cycle: {
    status: 400,
    sentence: 'these jobs wait for each other: {path}',
    hint: 'Take one of these dependencies away.',
  },
  batch_too_large: { status: 413, sentence: '{received} jobs in one call; at most {allowed}', hint: 'Split the call.' },
  // what was asked for is not there, or not in the right state
  unknown_task: {
    status: 404,
    sentence: 'unknown task "{received}"{meant}',
    hint: 'Start a worker that serves it, or correct the name; known: {allowed}.',
  },
  job_not_found: {
    status: 404,
    sentence: 'there is no job {received}',
    hint: 'It may have been removed by retention; list what is there with: trunkline jobs list.',
  },
  invalid_job_id: {
    status: 400,
    sentence: 'a job id is a decimal number; received {received}',
    hint: 'Copy the id from: trunkline jobs list.',
  },
  unknown_queue: {
    status: 404,
    sentence: 'there is no queue "{received}"{meant}',
    hint: 'A queue is there once a job or a worker has named it; known: {allowed}.',
  },
  flow_not_found: {
    status: 404,
    sentence: 'there is no flow {received}',
    hint: 'Look at the flow id; retention removes a flow with the last of its jobs.',
  },
  wrong_state: { status: 409, sentence: 'job {job} is {state}; it cannot be {verb}', hint: '{advice}' },
  key_taken: {
    status: 409,
    sentence: 'job {job} cannot be retried: an unfinished job holds its key, or comes back in the same call',
    hint: 'Wait for that one to end, or re-run this one as a new job: trunkline jobs rerun {job}.',
  },
  bulk_not_found: {
    status: 404,
    sentence: 'there is no bulk action {received}',
    hint: 'Its number is the bulkId of the answer of a bulk call; it is kept for 30 days.',
  },
  undo_refused: { status: 409, sentence: 'bulk action {bulk} cannot be undone: {problem}', hint: '{advice}' },
  idempotency_conflict: {
    status: 409,
    sentence: 'the idempotency key {received} was used for another request (job {job})',
    hint: 'Send the same request again under this key, or use a new key for another request.',
  },
  query_too_broad: { status: 400, sentence: '{what} would read all of the history', hint: '{advice}' },
  invalid_query: {
    status: 400,
    sentence: 'the query is wrong at column {at}: {problem}',
    hint: 'Nothing was run. A right one: state:failed task:backup_* age:<24h -tag:test',
  },
  invalid_cursor: {
    status: 400,
    sentence: 'the cursor is {received}; allowed: the cursor of an earlier answer, or nothing',
    hint: 'Begin again without a cursor.',
  },
  cursor_expired: {
    status: 410,
    sentence: 'the change feed no longer reaches back to {received}',
    hint: 'Read the present state again, then follow the feed from there.',
  },
  // schedules and templates
  invalid_schedule: {
    status: 400,
    sentence: '{field} cannot be read: {problem}',
    hint: 'Correct it; see what it means before it is saved: trunkline schedules preview.',
  },
  schedule_never_runs: {
    status: 400,
    sentence: 'the schedule would never run: {field}: {problem}',
    hint: 'Correct that field; nothing was saved.',
  },
  schedule_not_found: {
    status: 404,
    sentence: 'there is no schedule {received}{meant}',
    hint: 'List them: trunkline schedules list.',
  },
  template_not_found: {
    status: 404,
    sentence: 'there is no template {received}{meant}',
    hint: 'List them: trunkline templates list.',
  },
  name_taken: {
    status: 409,
    sentence: 'there is a {what} named {received} already',
    hint: 'Change that one, or choose another name.',
  },
  template_in_use: {
    status: 409,
    sentence: 'template {received} is used by {n} schedules, such as {name}',
    hint: 'Give those another template, or delete them first.',
  },
  schedule_changed: {
    status: 409,
    sentence: 'schedule {received} was changed meanwhile',
    hint: 'Read it again, and make the change to what it is now.',
  },
  // how an attempt ends
  handler_failed: { status: 500, sentence: '{problem}', hint: 'See the stack and the log of the attempt.' },
  timeout: {
    status: 504,
    sentence: 'the attempt ran longer than its timeout of {allowed}',
    hint: 'Raise the timeout of the task, or make the handler end when its signal aborts.',
  },
  not_reached: {
    status: 504,
    sentence: 'waited {allowed} for {wanted}, but {found}',
    hint: 'Look at what the sentence says is missing: a worker, a drain, time that has to pass, or a fault of the handler.',
  },
  cancelled: { status: 409, sentence: 'job {job} was cancelled{by}', hint: 'Retry it with: trunkline jobs retry {job}.' },
  job_failed: { status: 409, sentence: 'job {job} failed: {problem}', hint: 'See: trunkline jobs show {job}.' },
  crash_limit: {
    status: 500,
    sentence: 'the worker died {received} times while it ran this job',
    hint: 'Find what kills the process (memory, native code, process.exit), then retry the job.',
  },
  worker_lost: {
    status: 500,
    sentence: 'the worker died or stopped answering while it ran this attempt',
    hint: 'Nothing to do: the job goes on by itself.',
  },
  lease_lost: {
    status: 409,
    sentence: 'this execution no longer holds job {job}; what it wrote was refused',
    hint: 'Stop: another execution has the job, or it has ended.',
  },
  result_unserialisable: {
    status: 500,
    sentence: 'the result cannot be stored: {problem}',
    hint: 'Return plain JSON data of at most 1 MiB.',
  },
  unknown_task_here: {
    status: 500,
    sentence: 'this worker has no handler for the task "{received}"',
    hint: 'Deploy a worker that serves it.',
  },
  // workers and who runs them
  singleton_taken: {
    status: 409,
    sentence: 'the singleton "{received}" is held by {holder} since {since}; it was heard of {beat} ago',
    hint: 'Stop that one (trunkline workers stop), or wait until it is stale: it is replaced then.',
  },
  worker_not_found: {
    status: 404,
    sentence: 'there is no live worker {received}',
    hint: 'See who is there: trunkline workers.',
  },
  no_supervisor: {
    status: 409,
    sentence: 'no process that keeps workers running is there{received}',
    hint: 'Start one with: npm start (trunkline up).',
  },
  // coming in over HTTP
  invalid_request: { status: 400, sentence: '{field} {problem}', hint: 'Correct the fields that errors[] names; see /api/docs.' },
  invalid_body: { status: 400, sentence: 'the body is refused: {problem}', hint: 'Send one JSON object, as /api/docs shows it.' },
  body_too_large: { status: 413, sentence: 'the body has more than {allowed} bytes', hint: 'Send less, or split the call.' },
  unsupported_media_type: {
    status: 415,
    sentence: 'the body is of the type {received}',
    hint: 'Send application/json.',
  },
  unauthenticated: {
    status: 401,
    sentence: '{problem}',
    hint: 'Log in (POST /api/v1/auth/login) and send Authorization: Bearer <token>, or send an API key.',
  },
  login_failed: { status: 401, sentence: 'e-mail or password is wrong', hint: 'Check both; an administrator can set a new password.' },
  forbidden: { status: 403, sentence: '{what} needs {needed}; you have {received}', hint: 'Ask an administrator for it.' },
  csrf_missing: {
    status: 403,
    sentence: 'a change by cookie needs the header X-Trunkline-CSRF',
    hint: 'Send the value that GET /api/v1/auth/me returns as csrfToken.',
  },
  too_many_requests: { status: 429, sentence: 'too many {what}: at most {allowed}', hint: 'Try again after {retryAfter} s.' },
  too_many_subscriptions: {
    status: 429,
    sentence: '{received} subscriptions of one socket; at most {allowed}',
    hint: 'Unsubscribe from what is no longer shown, or subscribe to a list.',
  },
  route_not_found: { status: 404, sentence: 'there is no {received}', hint: 'See the list of routes: /api/docs.' },
  method_not_allowed: { status: 405, sentence: '{received} is not possible here; allowed: {allowed}', hint: 'Use one of those.' },
  task_not_found: { status: 404, sentence: 'there is no task "{received}"', hint: 'List them: GET /api/v1/tasks.' },
  failure_not_found: {
    status: 404,
    sentence: 'there is no failed job of the cause {received}',
    hint: 'List the causes: GET /api/v1/jobs/errors.',
  },
  notification_not_found: {
    status: 404,
    sentence: 'there is no notification {received}',
    hint: 'List them: GET /api/v1/jobs/notifications.',
  },
  // people and keys
  user_not_found: { status: 404, sentence: 'there is no user {received}', hint: 'List them: trunkline users.' },
  email_taken: { status: 409, sentence: 'there is a user {received} already', hint: 'Change that one, or choose another e-mail.' },
  last_owner: {
    status: 409,
    sentence: '{received} is the last owner who can log in',
    hint: 'Make somebody else an owner first.',
  },
  weak_password: { status: 400, sentence: 'the password {problem}', hint: 'Choose at least 12 characters that are not easy to guess.' },
  key_not_found: { status: 404, sentence: 'there is no API key {received}', hint: 'List them: trunkline keys.' },
  oidc_failed: {
    status: 401,
    sentence: 'the identity provider did not let you in: {problem}',
    hint: 'Begin again at /api/v1/auth/oidc/start.',
  },
  not_configured: { status: 404, sentence: '{what} is not configured', hint: '{advice}' },
  workers_not_supervised: {
    status: 409,
    sentence: 'this server cannot start workers: no process that keeps them running is there',
    hint: 'Start one by hand with: {command}.',
  },
  port_taken: {
    status: 500,
    sentence: 'port {received} of {where} is taken',
    hint: 'Stop what listens there, or choose another: PORT={advice}.',
  },
  // the database
  database_unavailable: {
    status: 503,
    sentence: 'the database cannot be reached: {problem}',
    hint: 'Check that PostgreSQL runs and that the connection string is right: trunkline doctor.',
  },
  database_stale: {
    status: 503,
    sentence:
      'the server {received} is on timeline {found}, behind timeline {allowed} that was written to before: an old primary came back',
    hint: 'Nothing is sent to it. End that server, or make it a standby of the new primary.',
  },
  database_unsupported: {
    status: 500,
    sentence: 'the server is PostgreSQL {received}; Trunkline needs {allowed}',
    hint: 'Use a supported version.',
  },
  database_unsafe: {
    status: 500,
    sentence: 'the server runs with {received}; an accepted job could be lost',
    hint: 'Switch it on, or accept the risk with allowUnsafe (--unsafe).',
  },
  schema_missing: {
    status: 503,
    sentence: 'schema "{schema}" is not in this database, or it is older than this version ({received} of {allowed})',
    hint: 'Run: trunkline migrate.',
  },
  schema_too_new: {
    status: 503,
    sentence: 'schema "{schema}" was migrated by a newer version ({received}); this version knows {allowed} and may not run with it',
    hint: 'Upgrade this process.',
  },
  migration_failed: {
    status: 500,
    sentence: 'migration {migration} failed: {problem}',
    hint: 'Nothing of it was applied; mend the cause and run: trunkline migrate.',
  },
  embedded_unavailable: { status: 500, sentence: 'no embedded PostgreSQL can be started: {problem}', hint: '{advice}' },
  already_running: {
    status: 409,
    sentence: 'Trunkline already runs on {where} (process {received})',
    hint: 'Use that one, or stop it first.',
  },
  // configuration and command line
  invalid_setting: { status: 400, sentence: '{field} (from {where}) is {received}; allowed: {allowed}', hint: 'Correct the setting.' },
  unknown_setting: { status: 400, sentence: 'unknown setting "{received}" in {where}{meant}', hint: 'Allowed there: {allowed}.' },
  usage: { status: 400, sentence: '{problem}', hint: 'See: trunkline {where} --help.' },
  not_built: { status: 500, sentence: 'the build is missing', hint: 'Run: npm ci && npm run build' },
  // built-in tasks
  permission_denied: { status: 403, sentence: '{what} is not allowed here', hint: '{advice}' },
  dump_unavailable: { status: 500, sentence: '{problem}', hint: '{advice}' },
  backup_failed: {
    status: 500,
    sentence: 'the backup failed: {problem}',
    hint: 'Nothing was left under its final name; mend the cause and try again.',
  },
  backup_damaged: { status: 422, sentence: 'backup {received} is damaged: {problem}', hint: 'Use another backup: trunkline backup list.' },
  restore_failed: { status: 500, sentence: 'the restore failed: {problem}', hint: '{advice}' },
  file_not_found: { status: 404, sentence: 'there is no file "{received}"{meant}', hint: 'List what is there: trunkline backup list.' },
  invalid_file_name: {
    status: 400,
    sentence: '"{received}" is not a file name here: {problem}',
    hint: 'Use a name of letters, digits, . _ - without folders.',
  },
  storage_failed: {
    status: 500,
    sentence: 'the storage at {where} failed: {problem}',
    hint: 'Check that the folder exists, is writable and has room: trunkline doctor.',
  },
  http_failed: { status: 502, sentence: '{method} {url} answered {received}', hint: 'See the answer in the result or the log.' },
  command_failed: { status: 500, sentence: 'the command ended with {received}', hint: 'See its output in the log.' },
  pgagent_missing: {
    status: 503,
    sentence: 'there is no schema pgagent in {where}',
    hint: 'Make it, and what stands beside it, with: trunkline pgagent install.',
  },
  pgagent_refused: {
    status: 409,
    sentence: '{field} {received} of pgAgent cannot be acted upon; it must be {allowed}',
    hint: 'Look at it with: trunkline pgagent jobs, trunkline pgagent history.',
  },
  server_not_found: { status: 404, sentence: 'there is no pgAgent server {received}', hint: 'List them: GET /api/v1/pgagent/servers.' },
  server_changed: {
    status: 409,
    sentence: 'the pgAgent server was changed meanwhile: it has version {found}, not {received}',
    hint: 'Read it again, and make the change to what it is now.',
  },
  pgagent_unavailable: {
    status: 503,
    sentence: 'the pgAgent server {received} cannot be reached at the moment',
    hint: 'See why: POST /api/v1/pgagent/servers/{received}/test.',
  },
  pgagent_denied: {
    status: 409,
    sentence: 'the role that reaches the pgAgent server {received} may not do that: {problem}',
    hint: 'The grants that are missing: POST /api/v1/pgagent/servers/{received}/test.',
  },
  pgagent_rejected: {
    status: 409,
    sentence: 'the pgAgent server {received} rejected it: {problem}',
    hint: 'It is a rule of its tables, or of its triggers.',
  },
  pgagent_not_found: {
    status: 404,
    sentence: 'there is no {field} {received} on this pgAgent server',
    hint: 'List what is there: GET /api/v1/pgagent/servers/:sid/jobs.',
  },
  internal: {
    status: 500,
    sentence: 'something went wrong inside Trunkline: {problem}',
    hint: 'Please report it with the steps that led here.',
  },
} as const satisfies Record<string, { status: number; sentence: string; hint: string }>

/** A stable error code: a row of {@link errorTable}. */
export type ErrorCode = keyof typeof errorTable

type Values = Record<string, unknown>

const showLimit = 120

/**
 * How a received value is shown in a sentence: strings in quotes, cut at 120 characters, control characters escaped.
 * @example show('a\nb') // '"a\\nb"'
 */
export function show(value: unknown): string {
  if (typeof value === 'string') {
    const cut = value.length > showLimit ? `${value.slice(0, showLimit)}… (${value.length} characters)` : value
    return JSON.stringify(cut)
  }
  if (typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (value === null || value === undefined) return String(value)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid date' : value.toISOString()
  if (Array.isArray(value)) return `an array of ${value.length}`
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

function fill(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => (Object.hasOwn(values, name) ? String(values[name]) : ''))
}

/**
 * Every error Trunkline raises on purpose. `code` is stable; `message` names what was received and what is allowed;
 * `hint` says the next step; `field` is the path of the offending input, where there is one.
 * @example throw new TrunklineError('job_not_found', { received: '42' })
 */
export class TrunklineError extends Error {
  override readonly name = 'TrunklineError'
  readonly code: ErrorCode
  readonly status: number
  readonly hint: string
  /** Path of the offending input, such as `payload.items[3].width`. */
  readonly field?: string
  /** Of a text that cannot be read: the column of the offending character, from 0. */
  readonly at?: number
  constructor(code: ErrorCode, values: Values = {}, options?: ErrorOptions) {
    const row = errorTable[code]
    super(fill(row.sentence, values), options)
    this.code = code
    this.status = row.status
    this.hint = fill(row.hint, values)
    if (typeof values.field === 'string') this.field = values.field
    if (typeof values.at === 'number') this.at = values.at
  }
}

/** Is this one of ours (and of this code, when given)? Works across copies of the package. */
export function isTrunklineError(error: unknown, code?: ErrorCode): error is TrunklineError {
  if (!(error instanceof Error) || error.name !== 'TrunklineError') return false
  return code === undefined || (error as TrunklineError).code === code
}
