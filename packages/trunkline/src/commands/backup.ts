import { formatDuration } from '@trunkline/contract'
import { listBackups, verifyBackup } from '@trunkline/tasks'
import type { Command } from 'commander'
import { settingsOf, wantsJson, withTrunkline } from '../command.ts'
import { follow } from '../follow.ts'
import { backupStorage } from '../platform.ts'
import { ago, plain, printJson, printTable, sizeText } from '../print.ts'

/** `trunkline backup`: backups are jobs like all others; these verbs make them and look at the files. */
export function backupCommand(program: Command): void {
  const backup = program.command('backup').description('make backups, look at them, restore them')
  backup
    .command('create')
    .description('back up a database with a durable job, and show its progress')
    .option('--database <name>', 'database of the server (default: the one of the queue)')
    .option('--label <text>', 'a note kept with the backup')
    .option('--no-wait', 'only make the job')
    .action(create)
  backup.command('list').description('finished backups, newest first').action(list)
  backup.command('verify <filename>').description('check that a backup is whole').action(verify)
  backup
    .command('restore <filename>')
    .description('restore a backup into a database of its own, with a durable job')
    .requiredOption('--database <name>', 'database to make')
    .option('--replace', 'replace it when it exists already; it is swapped at the end')
    .option('--no-wait', 'only make the job')
    .action(restore)
}

async function create({ database, label, wait }: { database?: string; label?: string; wait: boolean }, command: Command): Promise<void> {
  await withTrunkline(command, async (trunkline) => {
    const job = await trunkline.enqueue('backup_create', { database, label }, { createdBy: 'cli' })
    if (!wait) return console.log(wantsJson(command) ? JSON.stringify({ jobId: job.id }) : `job ${job.id}`)
    const done = (view: { result: unknown }) => {
      const { filename, size, duration, sha256 } = view.result as { filename: string; size: number; duration: number; sha256: string }
      return plain(`${filename}  ${sizeText(size)}  ${formatDuration(duration)}  sha256 ${sha256}`)
    }
    await follow(trunkline, job.id, { json: wantsJson(command), done })
  })
}

async function list(_options: object, command: Command): Promise<void> {
  const backups = await listBackups(backupStorage(settingsOf(command)))
  if (wantsJson(command)) return printJson({ data: backups })
  const rows = backups.map((b) => [
    b.filename,
    b.database,
    sizeText(b.size),
    ago(b.createdAt ? new Date(b.createdAt) : null),
    b.format,
    b.server,
  ])
  printTable(['FILE', 'DATABASE', 'SIZE', 'MADE', 'FORMAT', 'SERVER'], rows, 'no backups; make one with: trunkline backup create')
}

async function verify(filename: string, _options: object, command: Command): Promise<void> {
  const found = await verifyBackup(backupStorage(settingsOf(command)), filename)
  if (wantsJson(command)) printJson(found)
  else console.log(`${plain(filename)} is whole`)
}

async function restore(
  filename: string,
  { database, replace, wait }: { database: string; replace?: boolean; wait: boolean },
  command: Command,
): Promise<void> {
  await withTrunkline(command, async (trunkline) => {
    const job = await trunkline.enqueue(
      'backup_restore',
      { filename, database, replace: replace === true },
      { createdBy: 'cli', maxAttempts: 1 },
    )
    if (!wait) return console.log(wantsJson(command) ? JSON.stringify({ jobId: job.id }) : `job ${job.id}`)
    await follow(trunkline, job.id, { json: wantsJson(command), done: () => `restored into database ${plain(database)}` })
  })
}
