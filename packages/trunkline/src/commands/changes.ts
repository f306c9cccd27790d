import type { Command } from 'commander'
import { interruption, withTrunkline } from '../command.ts'

interface Flags {
  after?: string
  follow?: boolean
}

/** `trunkline changes`: the numbered change feed, one JSON object a line. */
export function changesCommand(program: Command): void {
  program
    .command('changes')
    .description('what happened, as JSON lines; each has the cursor to go on after it. Without options: the cursor of now')
    .option('--after <cursor>', 'what came after this cursor, or after the change of this number')
    .option('-f, --follow', 'go on with what comes, from now on or from --after, until Ctrl-C')
    .action(async (flags: Flags, command: Command) => {
      await withTrunkline(command, async (trunkline) => {
        if (flags.after === undefined && !flags.follow) {
          return console.log(JSON.stringify({ cursor: (await trunkline.changes()).cursor }))
        }
        const { after, follow = false } = flags
        const options = { once: !follow, signal: interruption(), ...(after === undefined ? {} : { after }) }
        for await (const change of trunkline.follow(options)) console.log(JSON.stringify(change))
      })
    })
}
