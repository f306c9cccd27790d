import { TrunklineError } from '@trunkline/contract'
import type { Database } from '@trunkline/engine/postgres'
import { applyUpgrade, type ChangedRun, type Difference, planUpgrade, type UpgradePlan, undoUpgrade } from '@trunkline/pgagent'
import type { Command } from 'commander'
import { createTwoFilesPatch } from 'diff'
import { cliActor, settingsOf, wantsJson } from '../command.ts'
import { plain, printJson } from '../print.ts'
import type { Settings } from '../settings.ts'

interface Flags {
  apply?: boolean
  undo?: boolean
}

const usage = (problem: string) => new TrunklineError('usage', { problem, where: 'pgagent upgrade' })

/**
 * `trunkline pgagent upgrade`: our functions in a schema of the original, after a look at what that changes.
 * @param open answers the database of the schema `pgagent`, looked at
 */
export function upgradeCommand(pgagent: Command, open: (settings: Settings) => Promise<Database>): void {
  pgagent
    .command('upgrade')
    .description(
      'show how the functions, triggers and indexes of the schema differ from ours, and which next runs would change; nothing is changed',
    )
    .option('--apply', 'put ours in their place; the rows of the tables stay as they are')
    .option('--undo', 'put back what --apply has replaced')
    .action(async ({ apply, undo }: Flags, command: Command) => {
      if (apply && undo) throw usage('--apply and --undo exclude each other')
      const database = await open(settingsOf(command))
      try {
        if (undo) return sayUndone(await undoUpgrade(database), command)
        if (apply) return sayApplied(await applyUpgrade(database, cliActor()), command)
        const plan = await planUpgrade(database)
        if (wantsJson(command)) printJson(plan)
        else show(plan)
      } catch (error) {
        if ((error as { code?: string }).code !== '42501') throw error
        const values = {
          field: 'the schema',
          received: 'pgagent',
          allowed: `owned by the role that does this: ${(error as Error).message}`,
        }
        throw new TrunklineError('pgagent_refused', values, { cause: error })
      } finally {
        await database.close()
      }
    })
}

const counted = (n: number, one: string, many: string) => `${n} ${n === 1 ? one : many}`
const title = ({ kind, table, name }: Difference) => (table === null ? `${kind} ${name}` : `${kind} ${name} of ${table}`)

function sayUndone(n: number, command: Command): void {
  if (wantsJson(command)) printJson({ restored: n })
  else console.log(n === 0 ? 'nothing was replaced' : `${counted(n, 'object is', 'objects are')} again what they were`)
}

function sayApplied(done: readonly Difference[], command: Command): void {
  if (wantsJson(command)) return printJson({ data: done.map(({ kind, table, name }) => ({ kind, table, name })) })
  for (const one of done) console.log(plain(`${title(one)} is ours now`))
  console.log(done.length === 0 ? 'nothing to upgrade' : 'take it back with: trunkline pgagent upgrade --undo')
}

function run({ jobId, job, schedule, now, then }: ChangedRun): string {
  return `  job ${jobId} ${job}, ${schedule}: ${now ?? 'never'} → ${then ?? 'never'}`
}

function show({ differences, changedRuns, extension }: UpgradePlan): void {
  const [upgraded, left] = [differences.filter((one) => one.isUpgraded), differences.filter((one) => !one.isUpgraded)]
  for (const one of upgraded) {
    console.log(plain(`${title(one)}: ${one.now === null ? 'missing, would be made' : 'would be replaced'}`))
    process.stdout.write(patchOf(one))
  }
  for (const one of left) console.log(plain(`${title(one)}: differs, and stays: ${one.now ?? 'missing'} instead of ${one.then}`))
  if (upgraded.length === 0) return console.log('nothing to upgrade: functions, triggers and indexes are ours')
  console.log(changedRuns.length === 0 ? 'no next run changes' : 'next runs that change:')
  for (const one of changedRuns) console.log(plain(run(one)))
  if (extension !== null)
    console.log(
      `the schema belongs to the extension pgagent ${plain(extension)}: a dump takes its functions from there, so after a restore this has to be repeated`,
    )
  console.log(`${counted(upgraded.length, 'object', 'objects')} would be changed; do it with: trunkline pgagent upgrade --apply`)
}

/** As `diff -u` shows it, line by line without what a terminal would obey. */
function patchOf({ name, now, then }: Difference): string {
  const patch = createTwoFilesPatch(name, name, `${now ?? ''}\n`, `${then}\n`, 'now', 'then', { context: 3 })
  return `${patch
    .split('\n')
    .slice(1)
    .map((text) => `  ${plain(text)}`)
    .join('\n')
    .trimEnd()}\n`
}
