import { TrunklineError } from '@trunkline/contract'
import {
  type backup,
  backupComparison,
  backupList,
  comparisonQuery,
  enqueued,
  filename,
  newBackup,
  restore,
} from '@trunkline/contract/http'
import { z } from 'zod'
import { checkTarget } from '../door/may.ts'
import { type Call, type Route, route } from '../route.ts'
import type { Service } from '../service.ts'
import { makeJob, said } from './jobs.ts'

const backupPath = z.strictObject({ filename })

/** Backups: the files are listed from the storage; making, checking, restoring and deleting are jobs. */
export function backupRoutes(service: Service): Route[] {
  const { trunkline, backups, compareBackup } = service
  const make = makeJob(service)

  async function list(): Promise<z.output<typeof backup>[]> {
    if (backups) return await backups()
    throw new TrunklineError('not_configured', { what: 'a storage of backups', advice: 'Start the server with: trunkline server.' })
  }

  /** A typing mistake is told now, not by a failed job. */
  async function checkThere(of: string): Promise<void> {
    if (!(await list()).some((b) => b.filename === of))
      throw new TrunklineError('file_not_found', { field: 'filename', received: of, meant: '' })
  }

  async function start(call: Call, task: string, payload: object): Promise<unknown> {
    await checkTarget(trunkline, call.principal, { task, payload: null })
    return await make(call, task, said(payload), task === 'backup_restore' ? { maxAttempts: 1 } : {})
  }

  async function startWith(call: Call, task: string, payload: object): Promise<unknown> {
    const { filename: of } = call.params
    await checkThere(of)
    return await start(call, task, { filename: of, ...payload })
  }

  return [
    route({
      method: 'GET',
      url: '/backups',
      summary: 'Finished backups, newest first',
      tag: 'backups',
      access: { role: 'viewer', object: 'none' },
      answers: { 200: backupList },
      async run() {
        const { cursor: asOf } = await trunkline.changes()
        const data = await list()
        return { data, nextCursor: null, asOf, total: data.length, totalIsEstimate: false }
      },
    }),
    route({
      method: 'POST',
      url: '/backups',
      summary: 'Make a backup with a job',
      tag: 'backups',
      access: { role: 'operator', object: 'job' },
      action: 'backup.create',
      body: newBackup,
      answers: { 202: enqueued },
      run: (call) => start(call, 'backup_create', call.body),
    }),
    route({
      method: 'POST',
      url: '/backups/:filename/verify',
      summary: 'Check with a job that a backup is whole',
      tag: 'backups',
      access: { role: 'operator', object: 'job' },
      action: 'backup.verify',
      params: backupPath,
      answers: { 202: enqueued },
      run: (call) => startWith(call, 'backup_verify', {}),
    }),
    route({
      method: 'GET',
      url: '/backups/:filename/comparison',
      summary: 'Tables of a backup against those of the database that it would be restored into; nothing is changed',
      tag: 'backups',
      access: { role: 'owner', object: 'none' },
      params: backupPath,
      query: comparisonQuery,
      answers: { 200: backupComparison },
      async run({ params, query, principal }) {
        if (!compareBackup)
          throw new TrunklineError('not_configured', { what: 'the look into backups', advice: 'Start the server with: trunkline server.' })
        // whoever may not restore it learns nothing of what is in it
        await checkTarget(trunkline, principal, { task: 'backup_restore', payload: null })
        await checkThere(params.filename)
        return await compareBackup(params.filename, query.database)
      },
    }),
    route({
      method: 'POST',
      url: '/backups/:filename/restore',
      summary: 'Restore a backup with a job into a database of its own',
      tag: 'backups',
      access: { role: 'owner', object: 'job' },
      action: 'backup.restore',
      params: backupPath,
      body: restore,
      answers: { 202: enqueued },
      run: (call) => startWith(call, 'backup_restore', call.body),
    }),
    route({
      method: 'DELETE',
      url: '/backups/:filename',
      summary: 'Delete a backup with a job',
      tag: 'backups',
      access: { role: 'admin', object: 'job' },
      action: 'backup.delete',
      params: backupPath,
      answers: { 202: enqueued },
      run: (call) => startWith(call, 'backup_delete', {}),
    }),
  ]
}
