import type {
  DoneAnswer,
  NewPgAgentJobBody,
  NewPgAgentServerBody,
  PgAgentClassListAnswer,
  PgAgentClearedAnswer,
  PgAgentCloneBody,
  PgAgentExaminationAnswer,
  PgAgentImportBody,
  PgAgentImportedAnswer,
  PgAgentImportUndoneAnswer,
  PgAgentInstallBody,
  PgAgentInstalledAnswer,
  PgAgentJobAnswer,
  PgAgentJobChangeBody,
  PgAgentJobListAnswer,
  PgAgentNextAnswer,
  PgAgentPreviewBody,
  PgAgentPreviewedAnswer,
  PgAgentRehearsalAnswer,
  PgAgentRunAnswer,
  PgAgentRunListAnswer,
  PgAgentServerAnswer,
  PgAgentServerChangeBody,
  PgAgentServerListAnswer,
  PgAgentSqlAnswer,
  PgAgentSqlCheckedAnswer,
} from '@trunkline/contract/http'
import type { Http } from './http.ts'

/** Routes below `/pgagent/servers`: PostgreSQL servers with a schema `pgagent`. */
export interface PgAgentServers {
  list(): Promise<PgAgentServerListAnswer>
  get(sid: string): Promise<PgAgentServerAnswer>
  add(server: NewPgAgentServerBody): Promise<PgAgentServerAnswer>
  update(sid: string, change: PgAgentServerChangeBody): Promise<PgAgentServerAnswer>
  /** Its database is left as it is. */
  delete(sid: string): Promise<DoneAnswer>
  /** What is missing there, each with the SQL that mends it. */
  test(sid: string): Promise<PgAgentExaminationAnswer>
  /** Makes what is missing, as far as its role may. */
  install(sid: string, body?: PgAgentInstallBody): Promise<PgAgentInstalledAnswer>
}

/** A page of runs. */
export interface RunPage {
  limit?: number
  cursor?: string
}

/** Routes below `/pgagent/servers/:sid/jobs`. */
export interface PgAgentJobs {
  list(sid: string): Promise<PgAgentJobListAnswer>
  get(sid: string, jobId: string): Promise<PgAgentJobAnswer>
  create(sid: string, job: NewPgAgentJobBody): Promise<PgAgentJobAnswer>
  /** All of it anew: steps and schedules with an id are changed, those without are new, those that are missing are deleted. */
  replace(sid: string, jobId: string, job: PgAgentJobChangeBody): Promise<PgAgentJobAnswer>
  clone(sid: string, jobId: string, clone?: PgAgentCloneBody): Promise<PgAgentJobAnswer>
  enable(sid: string, jobId: string): Promise<DoneAnswer>
  disable(sid: string, jobId: string): Promise<DoneAnswer>
  delete(sid: string, jobId: string): Promise<DoneAnswer>
  run(sid: string, jobId: string): Promise<DoneAnswer>
  /** One step alone, by an agent of ours. */
  runStep(sid: string, jobId: string, stepId: string): Promise<DoneAnswer>
  /** Frees it from an agent that is gone. */
  release(sid: string, jobId: string): Promise<DoneAnswer>
  next(sid: string, jobId: string, limit?: number): Promise<PgAgentNextAnswer>
  /** As SQL that makes it again elsewhere. */
  sql(sid: string, jobId: string): Promise<PgAgentSqlAnswer>
  /** What it would be as a native schedule with steps: nothing of it is made. */
  rehearse(sid: string, jobId: string): Promise<PgAgentRehearsalAnswer>
  /** Cuts it over: native schedules run it from now on, in pgAgent it is disabled. A second call goes on where one was cut off. */
  import(sid: string, jobId: string, body?: PgAgentImportBody): Promise<PgAgentImportedAnswer>
  /** Takes that back: the native schedules are deleted, pgAgent runs it again where it did before. */
  undoImport(sid: string, jobId: string): Promise<PgAgentImportUndoneAnswer>
  runs(sid: string, jobId: string, page?: RunPage): Promise<PgAgentRunListAnswer>
  /** @param before only what began before; all that has ended otherwise */
  clearHistory(sid: string, jobId: string, before?: string): Promise<PgAgentClearedAnswer>
  /** When schedules would fire. */
  preview(sid: string, preview: PgAgentPreviewBody): Promise<PgAgentPreviewedAnswer>
  classes(sid: string): Promise<PgAgentClassListAnswer>
  /** Whether that server can read the text of a step; nothing of it is run. */
  checkSql(sid: string, sql: string): Promise<PgAgentSqlCheckedAnswer>
}

/** Routes below `/pgagent/servers/:sid/runs`. */
export interface PgAgentRuns {
  list(sid: string, page?: RunPage): Promise<PgAgentRunListAnswer>
  /** With the output of each step. */
  get(sid: string, runId: string): Promise<PgAgentRunAnswer>
  cancel(sid: string, runId: string): Promise<DoneAnswer>
}

/** pgAgent's jobs on all servers. */
export interface PgAgent {
  readonly servers: PgAgentServers
  readonly jobs: PgAgentJobs
  readonly runs: PgAgentRuns
}

/** Makes {@link PgAgent}. */
export function createPgAgent({ request }: Http): PgAgent {
  const at = (sid: string, rest = '') => `/pgagent/servers/${encodeURIComponent(sid)}${rest}`
  const job = (sid: string, id: string, rest = '') => at(sid, `/jobs/${encodeURIComponent(id)}${rest}`)
  const run = (sid: string, id: string, rest = '') => at(sid, `/runs/${encodeURIComponent(id)}${rest}`)
  return {
    jobs: {
      list: (sid) => request('GET', at(sid, '/jobs')),
      get: (sid, id) => request('GET', job(sid, id)),
      create: (sid, body) => request('POST', at(sid, '/jobs'), { body }),
      replace: (sid, id, body) => request('PUT', job(sid, id), { body }),
      clone: (sid, id, body = {}) => request('POST', job(sid, id, '/clone'), { body }),
      enable: (sid, id) => request('POST', job(sid, id, '/enable')),
      disable: (sid, id) => request('POST', job(sid, id, '/disable')),
      delete: (sid, id) => request('DELETE', job(sid, id)),
      run: (sid, id) => request('POST', job(sid, id, '/run')),
      runStep: (sid, id, step) => request('POST', job(sid, id, `/steps/${encodeURIComponent(step)}/run`)),
      release: (sid, id) => request('POST', job(sid, id, '/release')),
      next: (sid, id, limit) => request('GET', job(sid, id, '/next'), limit === undefined ? {} : { query: { limit } }),
      sql: (sid, id) => request('GET', job(sid, id, '/sql')),
      rehearse: (sid, id) => request('GET', job(sid, id, '/rehearsal')),
      import: (sid, id, body = {}) => request('POST', job(sid, id, '/import'), { body }),
      undoImport: (sid, id) => request('POST', job(sid, id, '/import/undo')),
      runs: (sid, id, page = {}) => request('GET', job(sid, id, '/runs'), { query: { ...page } }),
      clearHistory: (sid, id, before) => request('DELETE', job(sid, id, '/runs'), before === undefined ? {} : { query: { before } }),
      preview: (sid, body) => request('POST', at(sid, '/preview'), { body }),
      checkSql: (sid, sql) => request('POST', at(sid, '/check-sql'), { body: { sql } }),
      classes: (sid) => request('GET', at(sid, '/classes')),
    },
    runs: {
      list: (sid, page = {}) => request('GET', at(sid, '/runs'), { query: { ...page } }),
      get: (sid, id) => request('GET', run(sid, id)),
      cancel: (sid, id) => request('POST', run(sid, id, '/cancel')),
    },
    servers: {
      list: () => request('GET', '/pgagent/servers'),
      get: (sid) => request('GET', at(sid)),
      add: (body) => request('POST', '/pgagent/servers', { body }),
      update: (sid, body) => request('PATCH', at(sid), { body }),
      delete: (sid) => request('DELETE', at(sid)),
      test: (sid) => request('POST', at(sid, '/test')),
      install: (sid, body = {}) => request('POST', at(sid, '/install'), { body }),
    },
  }
}
