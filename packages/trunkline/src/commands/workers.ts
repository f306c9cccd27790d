import { formatDuration } from '@trunkline/contract'
import type { Command } from 'commander'
import { wantsJson, withTrunkline } from '../command.ts'
import { ago, printJson, printTable, sizeText } from '../print.ts'

/** `trunkline workers`: who runs jobs. */
export function workersCommand(program: Command): void {
  program
    .command('workers')
    .description('workers that have registered, with their load and what they run')
    .action(async (_options: object, command: Command) => {
      await withTrunkline(command, async (trunkline) => {
        const workers = await trunkline.workers()
        if (wantsJson(command)) return printJson({ data: workers })
        const rows = workers.map((w) => [
          w.id,
          w.name,
          w.state,
          `${w.running.length}/${w.concurrency}`,
          w.held,
          formatDuration(w.beatAgeMs),
          w.rssBytes === null ? null : sizeText(w.rssBytes),
          w.cpuPercent === null ? null : `${Math.round(w.cpuPercent)} %`,
          w.loopLagMs === null ? null : formatDuration(w.loopLagMs),
          ago(w.startedAt),
          w.version,
          w.queues.join(' '),
        ])
        printTable(
          ['ID', 'NAME', 'STATE', 'SLOTS', 'HELD', 'BEAT', 'MEMORY', 'CPU', 'LAG', 'STARTED', 'VERSION', 'QUEUES'],
          rows,
          'no workers; start one with: trunkline worker',
        )
      })
    })
}
