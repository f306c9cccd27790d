import { primaryUrl, type Task } from '@trunkline/engine'
import { backupCreate } from './backup-create.ts'
import { backupDelete } from './backup-delete.ts'
import { backupPrune } from './backup-prune.ts'
import { backupRestore } from './backup-restore.ts'
import { backupVerify } from './backup-verify.ts'
import { bulkUpdate } from './bulk-update.ts'
import type { TaskEnvironment } from './environment.ts'
import { httpRequest } from './http-request.ts'
import { maintenanceCleanup } from './maintenance-cleanup.ts'
import { maintenanceReindex } from './maintenance-reindex.ts'
import { maintenanceVacuum } from './maintenance-vacuum.ts'
import { shellRun } from './shell-run.ts'
import { sqlRun } from './sql-run.ts'
import { stepsRun } from './steps-run.ts'

export { type Backup, type BackupManifest, listBackups, type VerifiedBackup, verifyBackup } from './backup-files.ts'
export { type BackupComparison, type ComparedTable, compareBackup } from './compare-backup.ts'
export { type DumpTool, findDumpTools, findRestoreTools } from './dump-tools.ts'
export type { TaskEnvironment } from './environment.ts'

type Build = (environment: TaskEnvironment) => Task

const builders: readonly Build[] = [
  backupCreate,
  backupRestore,
  backupVerify,
  backupDelete,
  backupPrune,
  bulkUpdate,
  sqlRun,
  shellRun,
  httpRequest,
  maintenanceVacuum,
  maintenanceReindex,
  maintenanceCleanup,
]

/** A task takes one server: each run goes to the one of several that is the primary then. */
function onPrimary(build: Build, environment: TaskEnvironment): Task {
  const task = build(environment)
  return {
    ...task,
    async run(context) {
      const connectionString = await primaryUrl(environment.connectionString)
      return await build({ ...environment, connectionString }).run(context)
    },
  }
}

/** The tasks that come with Trunkline, for one server (or several, of which one is the primary) and storage. */
export function builtInTasks(environment: TaskEnvironment): Task[] {
  const several = /^[^?]*,/.test(environment.connectionString)
  const tasks = builders.map((build) => (several ? onPrimary(build, environment) : build(environment)))
  return [...tasks, stepsRun(tasks)]
}
