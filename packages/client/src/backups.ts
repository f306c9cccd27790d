import type { BackupComparisonAnswer, BackupListAnswer, EnqueuedAnswer, NewBackupBody, RestoreBody } from '@trunkline/contract/http'
import type { Http } from './http.ts'

/** Routes below `/backups`. What takes its time is a job: follow it with `watchJob`. */
export interface Backups {
  /** Finished ones, newest first. */
  list(): Promise<BackupListAnswer>
  create(backup?: NewBackupBody): Promise<EnqueuedAnswer>
  verify(filename: string): Promise<EnqueuedAnswer>
  /** Its tables against those of the database that it would be restored into; nothing is changed. */
  compare(filename: string, database: string, options?: { signal?: AbortSignal }): Promise<BackupComparisonAnswer>
  restore(filename: string, restore: RestoreBody): Promise<EnqueuedAnswer>
  delete(filename: string): Promise<EnqueuedAnswer>
}

/** Makes {@link Backups}. */
export function createBackups({ request }: Http): Backups {
  const at = (filename: string, act = '') => `/backups/${encodeURIComponent(filename)}${act}`
  return {
    list: () => request('GET', '/backups'),
    create: (body = {}) => request('POST', '/backups', { body }),
    verify: (filename) => request('POST', at(filename, '/verify')),
    compare: (filename, database, { signal } = {}) => request('GET', at(filename, '/comparison'), { query: { database }, signal }),
    restore: (filename, body) => request('POST', at(filename, '/restore'), { body }),
    delete: (filename) => request('DELETE', at(filename)),
  }
}
