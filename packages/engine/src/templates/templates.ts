import { didYouMean, fillPayload, show, slotValues, TrunklineError } from '@trunkline/contract'
import type { EnqueueOptions } from '../jobs/enqueue.ts'
import { jsonText } from '../jobs/json-text.ts'
import type { Names } from '../jobs/names.ts'
import { type Within, withinJson } from '../jobs/within.ts'
import type { Database, Queryable } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { checkInput, type InputCheck, readInputSchema } from './input-schema.ts'
import { type JobSettings, mergePayload, readOptionalText, readSettings, readText } from './settings.ts'

const listStatement = statement(import.meta.url, 'list-templates.sql')
const saveStatement = statement(import.meta.url, 'save-template.sql')
const deleteStatement = statement(import.meta.url, 'delete-template.sql')
const versionsStatement = statement(import.meta.url, 'template-versions.sql')
const schedulesStatement = statement(import.meta.url, 'schedules-of.sql')
const useStatement = statement(import.meta.url, 'use-template.sql')

/** What may be said of a template. */
export interface TemplateOptions {
  /** 1 to 200 characters, unique. */
  name: string
  description?: string | null
  task: string
  /** What its jobs get; a caller's own fields go on top. Default: null. */
  payload?: unknown
  options?: JobSettings
  /**
   * JSON Schema (draft 2020-12, or what its `$schema` says) of the whole payload of a job: what the template has and what is put on top. It
   * narrows the one of the task, is published for forms, and checked when a job is made from the template, by a call or by a schedule.
   */
  inputSchema?: unknown
}

/** A template as people see it. */
export interface TemplateView {
  id: string
  name: string
  description: string | null
  task: string
  queue: string
  payload: unknown
  options: JobSettings
  inputSchema: unknown
  /** Grows with every change. */
  version: number
  /** Jobs that were made from it. */
  uses: number
  lastUsedAt: Date | null
  /** Schedules that use it. */
  schedules: number
  createdAt: Date
  createdBy: string | null
  updatedAt: Date
  updatedBy: string | null
}

/** An earlier state of a template. */
export interface TemplateVersion {
  version: number
  at: Date
  by: string | null
  body: Required<TemplateOptions>
}

/** Templates, as `trunkline.templates`. An id may be the name as well. */
export interface Templates {
  /** @throws `invalid_option` (with the path within `inputSchema`), `unknown_option`, `unknown_task`, `name_taken`, the `payload_…` errors */
  create(options: TemplateOptions, by?: string): Promise<TemplateView>
  /**
   * Replaces everything that is said of it, as a new version.
   * @throws as `create`, `template_not_found`, `schedule_changed` when `expected` is another, `invalid_payload` when what one of its schedules
   * puts on top would not fit any more
   */
  update(id: string, options: TemplateOptions, extra?: { within?: Within | null; by?: string; expected?: number }): Promise<TemplateView>
  /** @throws `template_not_found` */
  get(id: string, options?: { within?: Within | null }): Promise<TemplateView>
  list(options?: { within?: Within | null; after?: string; limit?: number }): Promise<TemplateView[]>
  /** The latest first, at most 100. @throws `template_not_found` */
  versions(id: string, options?: { within?: Within | null }): Promise<TemplateVersion[]>
  /** @throws `template_not_found`, `template_in_use` */
  delete(id: string, options?: { within?: Within | null }): Promise<void>
}

const isUuid = (id: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)

function templateView(row: any): TemplateView {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    task: row.task,
    queue: row.queue,
    payload: row.payload,
    options: row.options,
    inputSchema: row.input_schema,
    version: row.version,
    uses: row.uses,
    lastUsedAt: row.last_used_at,
    schedules: row.schedules,
    createdAt: row.created_at,
    createdBy: row.created_by,
    updatedAt: row.updated_at,
    updatedBy: row.updated_by,
  }
}

async function rowsOf(
  database: Database,
  id: string | null,
  name: string | null,
  after: string | null,
  limit: number,
  within?: Within | null,
) {
  return await database.run(listStatement, [id, name, after, limit, withinJson(within)])
}

/** A template with the schemas that payloads of its jobs have to fit: its own and that of its task, or none where it has none itself. */
export interface FoundTemplate {
  readonly template: TemplateView
  readonly schemas: readonly unknown[]
}

/** A template by id or name. @throws `template_not_found` */
export async function findTemplate(database: Database, id: string, within?: Within | null): Promise<TemplateView> {
  return (await findWithSchemas(database, id, within)).template
}

/** As {@link findTemplate}, with its schemas. @throws `template_not_found` */
export async function findWithSchemas(database: Database, id: string, within?: Within | null): Promise<FoundTemplate> {
  const byId = typeof id === 'string' && isUuid(id)
  const [row] = await rowsOf(database, byId ? id : null, byId ? null : String(id).slice(0, 200), null, 1, within)
  if (row) return { template: templateView(row), schemas: row.input_schema === null ? [] : [row.input_schema, row.task_schema] }
  const known = byId ? [] : (await rowsOf(database, null, null, null, 1000, within)).map((r) => r.name as string)
  throw new TrunklineError('template_not_found', { field: 'templateId', received: show(id), meant: byId ? '' : didYouMean(id, known) })
}

/** Does what schedules put on top of a template still fit? @throws `invalid_payload` */
async function checkSchedules(database: Database, id: string, payload: unknown, check: InputCheck): Promise<void> {
  if (check.schemas.length === 0) return
  for (const { id: schedule, name, timezone, own } of await database.run(schedulesStatement, [id])) {
    const values = slotValues(Date.now(), 0, { timezone, name, id: schedule })
    checkInput(fillPayload(mergePayload(payload, own), values), { ...check, where: `, in schedule ${show(name)}` })
  }
}

/** Makes {@link Templates} of one database; within a transaction where `database` stands for one. */
export function createTemplates(database: Database, names: Names): Templates {
  async function save(given: TemplateOptions, id: string | null, by: string | null, expected: number | null): Promise<TemplateView> {
    const name = readText(given.name, 'name', 200)
    const { id: taskId, inputSchema: ofTask } = await names.task(given.task)
    const payload = jsonText(given.payload ?? null, 'payload')
    const schemaText = given.inputSchema == null ? null : jsonText(given.inputSchema, 'inputSchema', 65_536)
    const schema = readInputSchema(given.inputSchema, ofTask)
    if (id !== null) await checkSchedules(database, id, JSON.parse(payload), { task: given.task, schemas: schema ? [schema, ofTask] : [] })
    const values = [
      id,
      name,
      readOptionalText(given.description, 'description'),
      taskId,
      payload,
      JSON.stringify(readSettings(given.options)),
      schemaText,
      by,
      expected,
    ]
    const [saved] = await database.run<{ id: string }>(saveStatement, values).catch((error) => {
      if (error?.code === '23505' && /name_key$/.test(error.constraint ?? '')) {
        throw new TrunklineError('name_taken', { field: 'name', what: 'template', received: show(name) })
      }
      throw error
    })
    if (saved) return await findTemplate(database, saved.id)
    throw new TrunklineError('schedule_changed', { field: 'id', received: show(name) })
  }

  return {
    create: (options, by) => save(options, null, by ?? null, null),
    async update(id, options, { within, by, expected } = {}) {
      const { id: found } = await findTemplate(database, id, within)
      return await save(options, found, by ?? null, expected ?? null)
    },
    get: (id, { within } = {}) => findTemplate(database, id, within),
    async list({ within, after, limit = 50 } = {}) {
      return (await rowsOf(database, null, null, after ?? null, limit, within)).map(templateView)
    },
    async versions(id, { within } = {}) {
      const { id: found } = await findTemplate(database, id, within)
      const rows = await database.run(versionsStatement, [found])
      return rows.map(({ version, at, by_whom: by, body }) => ({ version, at, by, body }))
    },
    async delete(id, { within } = {}) {
      const { id: found, name } = await findTemplate(database, id, within)
      const [row] = await database.run<{ n: number; name: string }>(deleteStatement, [found])
      if (row && row.n > 0)
        throw new TrunklineError('template_in_use', { field: 'id', received: show(name), n: row.n, name: show(row.name) })
    },
  }
}

/** What an enqueue from a template asks for: the task, the payload and options, the template's under the caller's own. */
export function fromTemplate(
  template: TemplateView,
  payload: unknown,
  options: Omit<EnqueueOptions, 'templateId'>,
): { task: string; payload: unknown; options: Omit<EnqueueOptions, 'templateId'> } {
  const { queue, priority, maxAttempts, timeoutMs, tags, ...gates } = template.options
  const base: EnqueueOptions = {
    ...(queue === undefined ? {} : { queue }),
    ...(priority === undefined ? {} : { priority }),
    ...(maxAttempts === undefined ? {} : { maxAttempts }),
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
    ...(tags === undefined ? {} : { tags }),
    ...gates,
  }
  return { task: template.task, payload: mergePayload(template.payload, payload), options: { ...base, ...options } }
}

/** Notes that a new job came from a template. */
export async function noteUse(database: Database, jobId: string, { id, version }: TemplateView, tx?: Queryable): Promise<void> {
  await database.run(useStatement, [jobId, id, version], tx)
}
