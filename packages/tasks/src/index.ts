import type { Task } from '@trunkline/engine'
import { backupCreate } from './backup-create.ts'
import { backupPrune } from './backup-prune.ts'
import { backupRestore } from './backup-restore.ts'
import type { TaskEnvironment } from './environment.ts'
import { httpRequest } from './http-request.ts'
import { maintenanceCleanup } from './maintenance-cleanup.ts'
import { maintenanceReindex } from './maintenance-reindex.ts'
import { maintenanceVacuum } from './maintenance-vacuum.ts'
import { shellRun } from './shell-run.ts'
import { sqlRun } from './sql-run.ts'

export { type Backup, type BackupManifest, listBackups, type VerifiedBackup, verifyBackup } from './backup-files.ts'
export { type DumpTool, findDumpTools, findRestoreTools } from './dump-tools.ts'
export type { TaskEnvironment } from './environment.ts'

/** The tasks that come with Trunkline, for one server and storage. */
export function builtInTasks(environment: TaskEnvironment): Task[] {
  return [
    backupCreate(environment),
    backupRestore(environment),
    backupPrune(environment),
    sqlRun(environment),
    shellRun(environment),
    httpRequest(environment),
    maintenanceVacuum(environment),
    maintenanceReindex(environment),
    maintenanceCleanup(environment),
  ]
}
