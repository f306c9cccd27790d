import { migrate, migrationSql, openDatabase, schemaState } from '@trunkline/engine/postgres'
import type { Command } from 'commander'
import { settingsOf, wantsJson } from '../command.ts'
import { databaseOptions } from '../platform.ts'
import { printJson } from '../print.ts'

/** `trunkline migrate`: brings the schema up to this version, or prints the SQL that would. */
export function migrateCommand(program: Command): void {
  program
    .command('migrate')
    .description('bring the schema up to this version')
    .option('--print', 'print the SQL of a fresh schema instead of running it')
    .action(async (options: { print?: boolean }, command: Command) => {
      const settings = settingsOf(command)
      if (options.print) return console.log(migrationSql(settings.schema))
      const database = openDatabase(await databaseOptions(settings))
      try {
        const applied = await migrate(database)
        const { known } = await schemaState(database)
        if (wantsJson(command)) printJson({ schema: settings.schema, applied, version: known })
        else
          console.log(
            applied.length > 0
              ? `schema "${settings.schema}" migrated: ${applied.join(', ')}`
              : `schema "${settings.schema}" is up to date (${known})`,
          )
      } finally {
        await database.close()
      }
    })
}
