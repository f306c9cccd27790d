import { z } from 'zod'
import { instant, limit, listOf, text, time } from './shapes.ts'

/** The id of a pgAgent server. */
export const sid = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, '1 to 63 of a-z 0-9 _ -, beginning with a letter or digit')
export const serverPath = z.strictObject({ sid })

const port = z.number().int().min(1).max(65_535)
const tls = z
  .enum(['disable', 'require', 'verify-full'])
  .meta({ description: 'require = encrypted, whoever answers; verify-full = with a certificate for this host' })
const host = z.string().regex(/^[A-Za-z0-9_.:-]{1,253}$/, 'the name or address of a host')
const zone = text(64, 1)
  .refine(isZone, 'is no time zone; use a name such as Europe/Berlin')
  .meta({ description: 'Whose clock its schedules show' })

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

const connection = z.strictObject({
  host,
  port: port.default(5432),
  database: text(63, 1),
  user: text(63, 1),
  password: text(1000, 1).meta({ description: 'Kept sealed, never answered' }),
  tls: tls.default('disable'),
})

/** `POST /pgagent/servers`. */
export const newPgAgentServer = z
  .strictObject({
    sid: sid.refine((id) => id !== 'default', 'default is the server of the settings'),
    name: text(200, 1),
    connection,
    hostAgent: text(255).default('').meta({ description: 'What jobs made here get as host agent; empty = any' }),
    timezone: zone.default('UTC'),
  })
  .meta({ id: 'NewPgAgentServer' })

/** `PATCH /pgagent/servers/:sid`: what is left out stays. */
export const pgAgentServerChange = z
  .strictObject({
    name: text(200, 1).optional(),
    connection: z
      .strictObject({ host, port, database: text(63, 1), user: text(63, 1), password: text(1000, 1), tls })
      .partial()
      .optional()
      .meta({ description: 'Whoever changes where it leads sends the password along' }),
    hostAgent: text(255).optional(),
    timezone: zone.optional(),
    version: z.number().int().min(1).max(2_147_483_647).optional().meta({ description: 'Refuse the change when it is another by now' }),
  })
  .meta({ id: 'PgAgentServerChange' })

/** A PostgreSQL server with a schema `pgagent`. */
export const pgAgentServer = z
  .object({
    sid: z.string(),
    name: z.string(),
    isDefault: z.boolean().meta({ description: 'That of the settings, which is changed there' }),
    connection: z
      .object({ host: z.string(), port: z.number(), database: z.string(), user: z.string(), tls: z.string() })
      .nullable()
      .meta({ description: 'For administrators; null also where it is to be entered anew, or stands in the settings' }),
    hostAgent: z.string(),
    timezone: z.string(),
    version: z.number(),
    createdAt: instant.nullable(),
    createdBy: z.string().nullable(),
  })
  .meta({ id: 'PgAgentServer' })
export const pgAgentServerList = listOf(pgAgentServer).meta({ id: 'PgAgentServerList' })

/** What a test of a server found: each part, and the SQL that mends it. */
export const pgAgentExamination = z
  .object({
    ok: z.boolean().meta({ description: 'Jobs can be run and looked after; without watch they are polled' }),
    serverVersion: z.string().nullable(),
    database: z.string().nullable(),
    role: z.string().nullable(),
    parts: z.array(
      z.object({
        part: z.string().meta({ description: 'connectivity, schema, tables, grants, function, trigger, beside, watch' }),
        ok: z.boolean(),
        found: z.string(),
        sql: z.string().nullable().meta({ description: 'What mends it, to be run by the owner of that database' }),
      }),
    ),
  })
  .meta({ id: 'PgAgentExamination' })

/** `POST /pgagent/servers/:sid/install`. */
export const pgAgentInstall = z
  .strictObject({ watch: z.boolean().default(true).meta({ description: 'With the triggers that tell of changes at once' }) })
  .meta({ id: 'PgAgentInstall' })
export const pgAgentInstalled = z
  .object({
    created: z.boolean().meta({ description: 'The schema pgagent was made; else it was there, and is untouched' }),
    watched: z.boolean(),
  })
  .meta({ id: 'PgAgentInstalled' })

/** A number of pgAgent's own: its columns are of four bytes. */
export const pgAgentId = z
  .string()
  .regex(/^[1-9]\d{0,9}$/, 'a decimal number, such as "42"')
  .refine((id) => Number(id) <= 2_147_483_647, 'is larger than pgAgent can count')
export const pgAgentJobPath = z.strictObject({ sid, jobId: pgAgentId })
export const pgAgentStepPath = z.strictObject({ sid, jobId: pgAgentId, stepId: pgAgentId })
export const pgAgentRunPath = z.strictObject({ sid, runId: pgAgentId })

const whole = (least: number, most: number) => z.number().int().min(least).max(most)

/** Indexes as native schedules have them, or a row of flags as the tables have it. */
function row(first: number, n: number) {
  const flags = z.array(z.boolean()).length(n)
  const indexes = z.array(whole(first, first + n - 1)).max(n)
  return z.union([indexes, flags.transform((all) => all.flatMap((chosen, i) => (chosen ? [i + first] : [])))]).default([])
}

const monthDays = z
  .union([
    z.array(z.union([whole(1, 32), z.literal('last')])).max(32),
    z
      .array(z.boolean())
      .length(32)
      .transform((all) => all.flatMap((chosen, i) => (chosen ? [i + 1] : []))),
  ])
  .default([])
  .transform((days) => days.map((day) => (day === 'last' ? 32 : day)))

const grid = z.strictObject({ minutes: row(0, 60), hours: row(0, 24), weekdays: row(0, 7), monthDays, months: row(1, 12) }).meta({
  description: 'Lists of indexes as in native schedules, or flags as in the tables; a row that is empty or left out means every one',
})

const exception = z
  .strictObject({
    date: z.iso.date().nullable().default(null),
    time: z
      .string()
      .regex(/^([01]\d|2[0-3]):[0-5]\d(:00)?$/, 'a time such as 02:30')
      .nullable()
      .default(null),
  })
  .refine(({ date, time }) => date !== null || time !== null, 'needs a date, a time or both')

const plan = z.strictObject({
  id: pgAgentId.optional(),
  name: text(500, 1),
  description: text(10_000).default(''),
  isEnabled: z.boolean().default(true),
  startsAt: time.optional().meta({ description: 'Default: now; of one that is there: as it is' }),
  endsAt: time.nullable().default(null),
  calendar: grid.prefault({}),
  exceptions: z.array(exception).max(1000).default([]),
})

const step = z
  .strictObject({
    id: pgAgentId.optional(),
    name: text(500, 1).meta({ description: 'Steps run in the order of their names' }),
    description: text(10_000).default(''),
    isEnabled: z.boolean().default(true),
    kind: z.enum(['sql', 'batch']),
    code: text(500_000),
    database: text(63).default('').meta({ description: 'Of an SQL step; empty without a connection string = the one where the schema is' }),
    connectionString: text(10_000).optional().meta({ description: 'Left out = as it is; empty = none' }),
    onError: z.enum(['fail', 'succeed', 'ignore']).default('fail'),
    timeoutMs: whole(1, 2_147_483_647).nullable().default(null),
  })
  .refine(({ kind, database, connectionString }) => kind === 'sql' || (!database && !connectionString), {
    path: ['database'],
    error: 'a batch step has neither a database nor a connection string',
  })

const job = {
  name: text(500, 1),
  description: text(10_000).default(''),
  class: text(500, 1).default('Miscellaneous'),
  hostAgent: text(255).optional(),
  isEnabled: z.boolean().default(true),
  timezone: zone.nullable().default(null).meta({ description: 'Whose clock its schedules show; null = that of the server' }),
  timeoutMs: whole(1, 2_147_483_647).nullable().default(null).meta({ description: 'For each step that has no own limit' }),
  steps: z.array(step).max(500).default([]),
  schedules: z.array(plan).max(200).default([]),
}

/** `POST /pgagent/servers/:sid/jobs`. */
export const newPgAgentJob = z.strictObject(job).meta({ id: 'NewPgAgentJob' })
/** `PUT /pgagent/servers/:sid/jobs/:jobId`: all of it anew. */
export const pgAgentJobChange = z
  .strictObject({
    ...job,
    version: text(64).optional().meta({ description: 'Refuse the change when it is another by now, also by pgAdmin' }),
  })
  .meta({ id: 'PgAgentJobChange' })
/** `POST …/clone`. */
export const pgAgentClone = z
  .strictObject({ name: text(500, 1).optional(), isEnabled: z.boolean().default(false) })
  .meta({ id: 'PgAgentClone' })
/** `POST …/preview`. */
export const pgAgentPreview = z
  .strictObject({ timezone: zone.optional(), schedules: z.array(plan).min(1).max(20), limit: whole(1, 100).default(10) })
  .meta({ id: 'PgAgentPreview' })

const warnings = z.array(z.object({ code: z.string(), where: z.string().nullable(), message: z.string() })).meta({
  description: 'What will not be as its author expects, here or with the original agent',
})
const status = z.enum(['r', 's', 'f', 'i', 'd']).meta({
  description: 'As in the log: r runs, s succeeded, f failed, i failed and ignored (of a run: nothing to run), d aborted',
})

export const pgAgentPreviewed = z.object({ next: z.array(instant), warnings }).meta({ id: 'PgAgentPreviewed' })

const jobLine = {
  id: z.string(),
  name: z.string(),
  class: z.string(),
  isEnabled: z.boolean(),
  hostAgent: z.string(),
}

/** A job as lists show it. */
export const pgAgentJobLine = z
  .object({
    ...jobLine,
    agent: z.string().nullable().meta({ description: 'The session of its agent, while it runs' }),
    claimedByDead: z.boolean().meta({ description: 'Held by an agent whose session is gone: release it' }),
    isParked: z.boolean().meta({ description: 'Its next run could not be computed; it waits until a schedule of it is edited' }),
    lastRunAt: instant.nullable(),
    nextRunAt: instant.nullable(),
    last: z.object({ runId: z.string(), status, durationMs: z.number().nullable(), failure: z.string().nullable() }).nullable(),
  })
  .meta({ id: 'PgAgentJobLine' })
export const pgAgentJobList = listOf(pgAgentJobLine).meta({ id: 'PgAgentJobList' })

/** A job with all that people write. */
export const pgAgentJob = z
  .object({
    ...jobLine,
    description: z.string(),
    createdAt: instant,
    timezone: z.string().nullable(),
    timeoutMs: z.number().nullable(),
    version: z.string(),
    steps: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        description: z.string(),
        isEnabled: z.boolean(),
        kind: z.string(),
        code: z.string().nullable().meta({ description: 'For administrators, and with the right payload.read' }),
        database: z.string(),
        connectionString: z.string().nullable().meta({ description: 'For administrators, without its password' }),
        onError: z.string(),
        timeoutMs: z.number().nullable(),
      }),
    ),
    schedules: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        description: z.string(),
        isEnabled: z.boolean(),
        startsAt: instant,
        endsAt: instant.nullable(),
        calendar: z.object({
          minutes: z.array(z.number()),
          hours: z.array(z.number()),
          weekdays: z.array(z.number()),
          monthDays: z.array(z.union([z.number(), z.literal('last')])),
          months: z.array(z.number()),
        }),
        exceptions: z.array(z.object({ date: z.string().nullable(), time: z.string().nullable() })),
      }),
    ),
    next: z.array(instant).meta({ description: 'The next five runs, as its schedules say' }),
    warnings,
  })
  .meta({ id: 'PgAgentJob' })

/** A run: a line of the matrix of runs and steps. */
export const pgAgentRun = z
  .object({
    id: z.string(),
    jobId: z.string(),
    jobName: z.string(),
    status,
    startedAt: instant,
    durationMs: z.number().nullable(),
    onlyStepId: z.string().nullable().meta({ description: 'Of a run of one step alone' }),
    steps: z.array(
      z.object({
        id: z.string(),
        stepId: z.string(),
        stepName: z.string(),
        status,
        result: z.number().nullable(),
        startedAt: instant,
        durationMs: z.number().nullable(),
        outputLength: z.number(),
        output: z.string().nullable().meta({ description: 'Only of a single run' }),
        notices: z.string().nullable().meta({ description: 'What the server said beside the result; only of a single run' }),
      }),
    ),
  })
  .meta({ id: 'PgAgentRun' })
export const pgAgentRunList = listOf(pgAgentRun).meta({ id: 'PgAgentRunList' })
export const pgAgentRunQuery = z.strictObject({ limit: limit(), cursor: pgAgentId.optional() })
export const pgAgentNextQuery = z.strictObject({ limit: limit(100, 10) })
export const pgAgentNext = z.object({ next: z.array(instant), timezone: z.string() }).meta({ id: 'PgAgentNext' })
export const pgAgentClearQuery = z.strictObject({ before: time.optional() })
export const pgAgentCleared = z.object({ runs: z.number() }).meta({ id: 'PgAgentCleared' })
export const pgAgentSql = z.object({ sql: z.string() }).meta({ id: 'PgAgentSql' })

/** `POST /pgagent/servers/:sid/check-sql`: the text of a step is read by that server, and not run. */
export const pgAgentSqlCheck = z.strictObject({ sql: text(500_000, 1) }).meta({ id: 'PgAgentSqlCheck' })
export const pgAgentSqlChecked = z
  .object({
    ok: z.boolean().meta({ description: 'It can be read; whether what it names is there shows when it runs' }),
    problem: z
      .object({
        text: z.string().meta({ description: 'As the output of a run would have it, with the place' }),
        message: z.string(),
        line: z.number().nullable(),
      })
      .nullable(),
  })
  .meta({ id: 'PgAgentSqlChecked' })
export const pgAgentClassList = listOf(z.object({ id: z.string(), name: z.string() })).meta({ id: 'PgAgentClassList' })

/** A job of pgAgent as it would be here: nothing of it is made. */
export const pgAgentRehearsal = z
  .object({
    jobId: z.string(),
    name: z.string(),
    version: z.string().meta({ description: 'Of the job; to give back with the cut-over, which is refused when it is another by then' }),
    verdict: z.enum(['possible', 'impossible', 'done']).meta({ description: 'done = it was cut over; impossible: see obstacles' }),
    obstacles: z.array(z.string()),
    notes: z.array(z.string()).meta({ description: 'What will be otherwise' }),
    schedules: z.array(
      z.object({
        name: z.string(),
        words: z.string(),
        isEnabled: z.boolean(),
        differing: z.number().meta({ description: 'Of the runs: those that only one side has' }),
        runs: z.array(
          z.object({ at: instant, inPgAgent: z.boolean(), inTrunkline: z.boolean(), mark: z.enum(['gap', 'fold']).nullable() }),
        ),
      }),
    ),
    importedAs: z.array(z.string()).nullable().meta({ description: 'The schedules that have taken its place' }),
  })
  .meta({ id: 'PgAgentRehearsal' })

/** `POST /pgagent/servers/:sid/jobs/:jobId/import`. */
export const pgAgentImport = z
  .strictObject({
    version: text(100).optional().meta({ description: 'That of the rehearsal; refused when the job is another by now' }),
  })
  .meta({ id: 'PgAgentImport' })

/** What a cut-over made. */
export const pgAgentImported = z
  .object({ schedules: z.array(z.string()).meta({ description: 'The schedules that run the job now' }) })
  .meta({ id: 'PgAgentImported' })

/** What the way back undid. */
export const pgAgentImportUndone = z
  .object({
    schedules: z.number().meta({ description: 'Native schedules that are deleted' }),
    isEnabled: z.boolean().meta({ description: 'Does pgAgent run the job again? As before the cut-over' }),
  })
  .meta({ id: 'PgAgentImportUndone' })
