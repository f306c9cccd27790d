import { TrunklineError } from '@trunkline/contract'
import { type backup, backupList, enqueued, filename, newBackup, restore } from '@trunkline/contract/http'
import { z } from 'zod'
import { checkTarget } from '../door/may.ts'
import { type Call, type Route, route } from '../route.ts'
import type { Service } from '../service.ts'
import { makeJob, said } from './jobs.ts'

const backupPath = z.strictObject({ filename })

/** Backups: the files are listed from the storage; making, checking, restoring and deleting are jobs. */
export function backupRoutes(service: Service): Route[] {
  const { trunkline, backups } = service
  const make = makeJob(service)

  async function list(): Promise<z.output<typeof backup>[]> {
    if (backups) return await backups()
    throw new TrunklineError('not_configured', { what: 'a storage of backups', advice: 'Start the server with: trunkline server.' })
  }

  async function start(call: Call, task: string, payload: object): Promise<unknown> {
    await checkTarget(trunkline, call.principal, task, undefined)
    return await make(call, task, said(payload), task === 'backup_restore' ? { maxAttempts: 1 } : {})
  }

  /** For a file that is there: a typing mistake is told now, not by a failed job. */
  async function startWith(call: Call, task: string, payload: object): Promise<unknown> {
    const { filename: of } = call.params
    if (!(await list()).some((b) => b.filename === of))
      throw new TrunklineError('file_not_found', { field: 'filename', received: of, meant: '' })
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
