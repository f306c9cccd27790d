import { type Right, TrunklineError } from '@trunkline/contract'
import {
  done,
  newPgAgentJob,
  pgAgentClassList,
  pgAgentCleared,
  pgAgentClearQuery,
  pgAgentClone,
  pgAgentImport,
  pgAgentImported,
  pgAgentImportUndone,
  pgAgentJob,
  pgAgentJobChange,
  pgAgentJobList,
  pgAgentJobPath,
  pgAgentNext,
  pgAgentNextQuery,
  pgAgentPreview,
  pgAgentPreviewed,
  pgAgentRehearsal,
  pgAgentRun,
  pgAgentRunList,
  pgAgentRunPath,
  pgAgentRunQuery,
  pgAgentSql,
  pgAgentSqlCheck,
  pgAgentSqlChecked,
  pgAgentStepPath,
  serverPath,
} from '@trunkline/contract/http'
import type { Database } from '@trunkline/engine/postgres'
import {
  applyImport,
  cancelRun,
  changeJob,
  checkSql,
  clearHistory,
  createJob,
  deleteJob,
  exportSql,
  type ImportPlan,
  isSameServer,
  listClasses,
  listJobs,
  listRuns,
  nextRuns,
  type PgAgentDefinition,
  type PgAgentDraft,
  planImport,
  readJob,
  readRun,
  releaseJob,
  runNow,
  runStep,
  setEnabled,
  undoImport,
  warningsOf,
} from '@trunkline/pgagent'
import { checkMay, checkTarget } from '../door/may.ts'
import type { Principal } from '../door/principal.ts'
import { draftOf, draftOfClone, jobAnswer, jobLine, jobNote, plansOf, rehearsalAnswer, runAnswer } from '../pgagent/answers.ts'
import { defaultSid, type PgAgentServer } from '../pgagent/servers.ts'
import { apiPrefix } from '../prefix.ts'
import { type Call, type ChangeNote, type Route, route } from '../route.ts'
import type { Service } from '../service.ts'

const tag = 'pgagent'
const base = '/pgagent/servers/:sid'
const access = (role: 'viewer' | 'operator' | 'admin') => ({ role, object: 'server' }) as const
const rightFor: Record<'sql' | 'batch', Right> = { sql: 'steps.sql', batch: 'steps.shell' }

/** To change what a step does needs the same as to write it. @throws `forbidden` */
function checkSteps(principal: Principal, steps: PgAgentDraft['steps'], before: PgAgentDefinition | null): void {
  for (const step of steps) {
    const was = before?.steps.find(({ id }) => id === step.id)
    const isSame =
      was && was.kind === step.kind && was.code === step.code && was.isEnabled === step.isEnabled && was.database === step.database
    if (isSame && step.connectionString === undefined) continue
    checkMay(principal, `writing the step ${step.name.slice(0, 100)}`, { right: rightFor[step.kind] })
  }
}

/** The jobs of a schema `pgagent`, on any of the servers. */
export function pgAgentJobRoutes({ trunkline, database: own, pgagent, settings }: Service): Route[] {
  /** Does something on the server that the path names, within the caller's scope. */
  async function there<T>(call: Call, work: (database: Database, server: PgAgentServer) => Promise<T>): Promise<T> {
    const server = await pgagent.find(call.principal, call.params.sid)
    return await pgagent.at(server, (database) => work(database, server))
  }
  const listed = async <T>(data: T[], nextCursor: string | null = null) => {
    const { cursor: asOf } = await trunkline.changes()
    return { data, nextCursor, asOf, totalIsEstimate: false }
  }
  const target = ({ params }: Call, of = 'job', id = params.jobId) => `pgagent:${params.sid}:${of}:${id}`

  /** Makes a job there, once for an idempotency key: what is remembered of it commits after it is made. */
  const make = <T>(call: Call, work: (database: Database, server: PgAgentServer, note: ChangeNote) => Promise<T>): Promise<T> =>
    call.change(`pgagent:${call.params.sid}:job`, (_, note) => there(call, (database, server) => work(database, server, note)))

  function noteMade(call: Call, note: ChangeNote, made: PgAgentDefinition): void {
    note.target = target(call, 'job', String(made.id))
    note.after = jobNote(made)
  }

  /** One verb on a job or run, and its line in the audit. */
  async function steer(call: Call, what: string, work: (database: Database) => Promise<unknown>, after?: unknown): Promise<{ ok: true }> {
    await there(call, work)
    await call.changed(what, { after })
    return { ok: true }
  }

  /** What a job would be as native schedules, and the version of it that was looked at or an older one. */
  async function rehearse(
    call: Call,
    database: Database,
    { sid, timezone }: PgAgentServer,
  ): Promise<{ plan: ImportPlan; version: string }> {
    const id = Number(call.params.jobId)
    const { version } = await readJob(database, id)
    const onOwnServer = await isSameServer(own, database)
    const stepUser = sid === defaultSid ? pgagent.stepUser : undefined
    const [plan] = await planImport(trunkline, database, [id], { timezone, stepUser, onOwnServer })
    return { plan: plan as ImportPlan, version }
  }

  /** As whom steps of another server run is not known here: as a native job they would run as the worker. @throws `pgagent_refused` */
  function checkDefault({ params }: Call): void {
    if (params.sid === defaultSid) return
    throw new TrunklineError('pgagent_refused', { field: 'server', received: params.sid, allowed: 'that of the settings, default' })
  }

  /** The schedules that a way back deletes are the caller's to delete. @throws `schedule_not_found` outside the scope */
  async function checkImported({ within }: Call, ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const isThere = await trunkline.schedules.get(id).catch((error) => {
        if (error.code !== 'schedule_not_found') throw error
      })
      if (isThere) await trunkline.schedules.get(id, { within })
    }
  }

  const verb = (
    name: string,
    role: 'operator' | 'admin',
    summary: string,
    work: (call: Call, id: number) => (database: Database) => Promise<unknown>,
  ) =>
    route({
      method: 'POST',
      url: `${base}/jobs/:jobId/${name}`,
      summary,
      tag,
      access: access(role),
      action: `pgagent_job.${name}`,
      params: pgAgentJobPath,
      answers: { 200: done },
      run: (call) => steer(call, target(call), work(call, Number(call.params.jobId))),
    })

  return [
    route({
      method: 'GET',
      url: `${base}/classes`,
      summary: 'Classes of jobs',
      tag,
      access: access('viewer'),
      params: serverPath,
      answers: { 200: pgAgentClassList },
      run: async (call) => await listed((await there(call, listClasses)).map(({ id, name }) => ({ id: String(id), name }))),
    }),
    route({
      method: 'POST',
      url: `${base}/preview`,
      summary: 'When schedules would fire, and what the original agent would do otherwise',
      tag,
      access: access('viewer'),
      action: 'pgagent.preview',
      params: serverPath,
      body: pgAgentPreview,
      answers: { 200: pgAgentPreviewed },
      async run({ principal, params, body }) {
        const server = await pgagent.find(principal, params.sid)
        const zone = body.timezone ?? server.timezone
        const schedules = plansOf(body.schedules)
        const warnings = warningsOf({ isEnabled: true, steps: [], schedules }, zone).filter(({ code }) => code !== 'nothing_to_run')
        return { next: nextRuns(schedules, zone, Date.now(), body.limit).map((at) => new Date(at).toISOString()), warnings }
      },
    }),
    route({
      method: 'POST',
      url: `${base}/check-sql`,
      summary: 'Whether that server can read the text of a step; nothing of it is run',
      tag,
      access: access('admin'),
      action: 'pgagent.check_sql',
      params: serverPath,
      body: pgAgentSqlCheck,
      answers: { 200: pgAgentSqlChecked },
      async run(call) {
        const problem = await there(call, (database) => checkSql(database, call.body.sql))
        return { ok: problem === null, problem }
      },
    }),
    route({
      method: 'GET',
      url: `${base}/jobs`,
      summary: 'Jobs by name: what runs, the last run and the next',
      tag,
      access: access('viewer'),
      params: serverPath,
      answers: { 200: pgAgentJobList },
      run: async (call) => await listed((await there(call, listJobs)).map(jobLine)),
    }),
    route({
      method: 'POST',
      url: `${base}/jobs`,
      summary: 'Make a job with its steps and schedules',
      tag,
      access: access('admin'),
      action: 'pgagent_job.create',
      once: true,
      params: serverPath,
      body: newPgAgentJob,
      answers: { 201: pgAgentJob },
      async run(call) {
        const { principal, params, body } = call
        return await make(call, async (database, server, note) => {
          const draft = draftOf(body, server.hostAgent)
          checkSteps(principal, draft.steps, null)
          const made = await createJob(database, draft, body.timezone ?? server.timezone)
          noteMade(call, note, made)
          call.reply.status(201).header('location', `${settings.basePath}${apiPrefix}/pgagent/servers/${params.sid}/jobs/${made.id}`)
          return jobAnswer(made, server.timezone, principal)
        })
      },
    }),
    route({
      method: 'GET',
      url: `${base}/jobs/:jobId`,
      summary: 'A job with its steps, schedules, next runs and warnings',
      tag,
      access: access('viewer'),
      params: pgAgentJobPath,
      answers: { 200: pgAgentJob },
      run: (call) =>
        there(call, async (database, server) =>
          jobAnswer(await readJob(database, Number(call.params.jobId)), server.timezone, call.principal),
        ),
    }),
    route({
      method: 'PUT',
      url: `${base}/jobs/:jobId`,
      summary: 'Change a job: all of it anew; a run that goes on keeps the steps it began with',
      tag,
      access: access('admin'),
      action: 'pgagent_job.update',
      params: pgAgentJobPath,
      body: pgAgentJobChange,
      answers: { 200: pgAgentJob },
      async run(call) {
        const { version, ...body } = call.body
        return await there(call, async (database, server) => {
          const draft = draftOf(body, server.hostAgent)
          const check = (before: PgAgentDefinition) => checkSteps(call.principal, draft.steps, before)
          const zone = body.timezone ?? server.timezone
          const { before, after } = await changeJob(database, Number(call.params.jobId), draft, zone, { version, check })
          await call.changed(target(call), { before: jobNote(before), after: jobNote(after) })
          return jobAnswer(after, server.timezone, call.principal)
        })
      },
    }),
    route({
      method: 'DELETE',
      url: `${base}/jobs/:jobId`,
      summary: 'Delete a job with its steps, schedules and log',
      tag,
      access: access('admin'),
      action: 'pgagent_job.delete',
      params: pgAgentJobPath,
      answers: { 200: done },
      run: (call) => steer(call, target(call), (database) => deleteJob(database, Number(call.params.jobId))),
    }),
    route({
      method: 'POST',
      url: `${base}/jobs/:jobId/clone`,
      summary: 'The same under another name, disabled unless it is asked for otherwise',
      tag,
      access: access('admin'),
      action: 'pgagent_job.clone',
      once: true,
      params: pgAgentJobPath,
      body: pgAgentClone,
      answers: { 201: pgAgentJob },
      async run(call) {
        return await make(call, async (database, server, note) => {
          const job = await readJob(database, Number(call.params.jobId))
          const draft = draftOfClone(job, call.body.name ?? `${job.name} (copy)`, call.body.isEnabled)
          checkSteps(call.principal, draft.steps, null)
          const made = await createJob(database, draft, job.timezone ?? server.timezone)
          noteMade(call, note, made)
          call.reply.status(201)
          return jobAnswer(made, server.timezone, call.principal)
        })
      },
    }),
    verb('enable', 'admin', 'Enable a job; its next run is computed', (_, id) => (database) => setEnabled(database, id, true)),
    verb('disable', 'admin', 'Disable a job; a run that goes on ends', (_, id) => (database) => setEnabled(database, id, false)),
    verb('run', 'operator', 'Run a job now; its schedule goes on as before', (_, id) => (database) => runNow(database, id)),
    verb(
      'release',
      'operator',
      'Free a job that a dead agent holds; its run is closed as aborted',
      (_, id) => (database) => releaseJob(database, id),
    ),
    route({
      method: 'POST',
      url: `${base}/jobs/:jobId/steps/:stepId/run`,
      summary: 'Run one step alone, by an agent of ours; the next run of the job stays as it is',
      tag,
      access: access('operator'),
      action: 'pgagent_step.run',
      params: pgAgentStepPath,
      answers: { 200: done },
      run: (call) =>
        steer(
          call,
          target(call),
          (database) => runStep(database, Number(call.params.jobId), Number(call.params.stepId), call.principal.subject),
          {
            step: call.params.stepId,
          },
        ),
    }),
    route({
      method: 'GET',
      url: `${base}/jobs/:jobId/next`,
      summary: 'The next runs, as its schedules say',
      tag,
      access: access('viewer'),
      params: pgAgentJobPath,
      query: pgAgentNextQuery,
      answers: { 200: pgAgentNext },
      run: (call) =>
        there(call, async (database, server) => {
          const job = await readJob(database, Number(call.params.jobId))
          const timezone = job.timezone ?? server.timezone
          const next = nextRuns(job.schedules, timezone, Date.now(), call.query.limit)
          return { next: next.map((at) => new Date(at).toISOString()), timezone }
        }),
    }),
    route({
      method: 'GET',
      url: `${base}/jobs/:jobId/sql`,
      summary: 'A job as SQL that makes it again elsewhere, without passwords',
      tag,
      access: access('admin'),
      params: pgAgentJobPath,
      answers: { 200: pgAgentSql },
      run: (call) => there(call, async (database) => ({ sql: exportSql(await readJob(database, Number(call.params.jobId))) })),
    }),
    route({
      method: 'GET',
      url: `${base}/jobs/:jobId/rehearsal`,
      summary: 'What a job would be as a native schedule with steps, with the next runs of both sides; nothing is changed',
      tag,
      access: access('admin'),
      params: pgAgentJobPath,
      answers: { 200: pgAgentRehearsal },
      run: (call) =>
        there(call, async (database, server) => {
          const { plan, version } = await rehearse(call, database, server)
          return rehearsalAnswer(plan, version)
        }),
    }),
    route({
      method: 'POST',
      url: `${base}/jobs/:jobId/import`,
      summary: 'Cut a job over: native schedules are made that run it from now on, in pgAgent it is disabled',
      tag,
      access: access('admin'),
      action: 'pgagent_job.import',
      params: pgAgentJobPath,
      body: pgAgentImport,
      answers: { 200: pgAgentImported },
      run: (call) =>
        there(call, async (database, server) => {
          checkDefault(call)
          const { principal, params, body } = call
          const { plan, version } = await rehearse(call, database, server)
          if (body.version !== undefined && body.version !== version)
            throw new TrunklineError('server_changed', { field: 'version', received: body.version, found: version })
          if (plan.obstacles.length > 0) {
            const allowed = `without an obstacle: ${plan.obstacles.join('; ').slice(0, 1000)}`
            throw new TrunklineError('pgagent_refused', { field: 'job', received: params.jobId, allowed })
          }
          for (const { options } of plan.schedules)
            await checkTarget(trunkline, principal, { task: options.task as string, payload: options.payload })
          const schedules = await applyImport(trunkline, database, plan, principal.subject)
          await call.changed(target(call), { after: { schedules } })
          return { schedules }
        }),
    }),
    route({
      method: 'POST',
      url: `${base}/jobs/:jobId/import/undo`,
      summary: 'Take a cut-over back: its native schedules are deleted, in pgAgent the job is enabled again where it was',
      tag,
      access: access('admin'),
      action: 'pgagent_job.undo_import',
      params: pgAgentJobPath,
      answers: { 200: pgAgentImportUndone },
      run: (call) =>
        there(call, async (database) => {
          checkDefault(call)
          const id = Number(call.params.jobId)
          const before = await readJob(database, id)
          await checkImported(call, (await planImport(trunkline, database, [id], { onOwnServer: true }))[0]?.importedAs ?? [])
          const schedules = await undoImport(trunkline, database, id, call.principal.subject)
          if (schedules === null)
            throw new TrunklineError('pgagent_refused', { field: 'job', received: call.params.jobId, allowed: 'one that was cut over' })
          const { isEnabled } = await readJob(database, id)
          await call.changed(target(call), { before: { isEnabled: before.isEnabled }, after: { isEnabled, schedules } })
          return { schedules, isEnabled }
        }),
    }),
    route({
      method: 'GET',
      url: `${base}/jobs/:jobId/runs`,
      summary: 'Runs of a job with the state of each step, the latest first',
      tag,
      access: access('viewer'),
      params: pgAgentJobPath,
      query: pgAgentRunQuery,
      answers: { 200: pgAgentRunList },
      run: (call) =>
        there(call, async (database) => {
          const { limit, cursor } = call.query
          const jobId = Number(call.params.jobId)
          const runs = await listRuns(database, { jobId, limit, below: cursor === undefined ? null : Number(cursor) })
          return await listed(runs.map(runAnswer), runs.length === limit ? String(runs.at(-1)?.id) : null)
        }),
    }),
    route({
      method: 'DELETE',
      url: `${base}/jobs/:jobId/runs`,
      summary: 'Clear the history of a job: what has ended, all or before a time',
      tag,
      access: access('admin'),
      action: 'pgagent_job.clear_history',
      params: pgAgentJobPath,
      query: pgAgentClearQuery,
      answers: { 200: pgAgentCleared },
      async run(call) {
        const runs = await there(call, (database) => clearHistory(database, Number(call.params.jobId), call.query.before ?? null))
        await call.changed(target(call), { after: { runs } })
        return { runs }
      },
    }),
    route({
      method: 'GET',
      url: `${base}/runs`,
      summary: 'Runs of all jobs, the latest first',
      tag,
      access: access('viewer'),
      params: serverPath,
      query: pgAgentRunQuery,
      answers: { 200: pgAgentRunList },
      run: (call) =>
        there(call, async (database) => {
          const { limit, cursor } = call.query
          const runs = await listRuns(database, { jobId: null, limit, below: cursor === undefined ? null : Number(cursor) })
          return await listed(runs.map(runAnswer), runs.length === limit ? String(runs.at(-1)?.id) : null)
        }),
    }),
    route({
      method: 'GET',
      url: `${base}/runs/:runId`,
      summary: 'A run with the output of each step',
      tag,
      access: access('viewer'),
      params: pgAgentRunPath,
      answers: { 200: pgAgentRun },
      run: (call) => there(call, async (database) => runAnswer(await readRun(database, Number(call.params.runId)))),
    }),
    route({
      method: 'POST',
      url: `${base}/runs/:runId/cancel`,
      summary: 'End a run of an agent of ours: its step is stopped',
      tag,
      access: access('operator'),
      action: 'pgagent_run.cancel',
      params: pgAgentRunPath,
      answers: { 200: done },
      run: (call) =>
        steer(call, target(call, 'run', call.params.runId), (database) =>
          cancelRun(database, Number(call.params.runId), call.principal.subject),
        ),
    }),
  ]
}
