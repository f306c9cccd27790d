import { formatDuration } from '@trunkline/contract'
import type { Kept, RetentionView, StateRetention } from '@trunkline/engine'
import type { Command } from 'commander'
import { wantsJson, withTrunkline } from '../command.ts'
import { ago, plain, printJson, printTable } from '../print.ts'

/** `trunkline retention`: how long ended jobs are kept. */
export function retentionCommand(program: Command): void {
  program
    .command('retention')
    .description('how long ended jobs are kept, by state and task, and who says so')
    .action(async (_, command: Command) => {
      await withTrunkline(command, async ({ retention }) => {
        const view = await retention.get()
        if (wantsJson(command)) return printJson(view)
        print(view)
      })
    })
}

const said = {
  stored: 'stored in the database, in the place of the settings',
  settings: 'from the settings of the keeper',
  default: 'nobody has set anything',
}
const days = (ms: number) => (ms % 86_400_000 === 0 ? `${ms / 86_400_000} d` : formatDuration(ms))
const text = (kept: Kept | undefined) => (kept === undefined ? 'as all' : kept === false ? 'for ever' : days(kept))
const row = (name: string, kept: StateRetention) => [
  name,
  ...(['completed', 'failed', 'cancelled'] as const).map((state) => text(kept[state] as Kept | undefined)),
]

function print({ rules: { tasks, ...common }, source, by, at }: RetentionView): void {
  const rows = [row('(all)', common), ...Object.entries(tasks).map(([task, kept]) => row(task, kept))]
  printTable(['TASK', 'COMPLETED', 'FAILED', 'CANCELLED'], rows, '')
  console.log(plain(`${said[source]}${source === 'stored' ? `, by ${by ?? 'somebody'}, ${ago(at)}` : ''}`))
}
