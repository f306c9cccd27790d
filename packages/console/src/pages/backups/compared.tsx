import { useQuery } from '@tanstack/react-query'
import type { BackupComparisonAnswer } from '@trunkline/client/contract'
import { Facts } from '../../parts/facts.tsx'
import { useSettled } from '../../parts/settled.ts'
import { Loading, Problem } from '../../parts/states.tsx'
import table from '../../parts/table.module.css'
import { Table } from '../../parts/table.tsx'
import { countText, numberText } from '../../parts/words.ts'
import { client } from '../../session.tsx'
import css from './backups.module.css'

const mostShown = 200
const major = (version: string | null) => Number.parseInt(version ?? '', 10)

function Tables({ of }: { of: BackupComparisonAnswer }) {
  const { target, tables } = of
  return (
    <div className={css.compared}>
      <Table label="Tables of both sides">
        <thead>
          <tr>
            <th scope="col">Table</th>
            <th scope="col">Backup</th>
            <th scope="col">{target ? target.database : 'There'}</th>
            <th scope="col">Rows there, about</th>
          </tr>
        </thead>
        <tbody>
          {tables.slice(0, mostShown).map(({ schema, name, inBackup, inTarget, targetRows }) => (
            <tr key={`${schema} ${name}`}>
              <th scope="row">
                {schema}.{name}
              </th>
              <td className={inBackup ? undefined : table.bad}>{inBackup ? 'has it' : 'not in it'}</td>
              <td className={inTarget ? undefined : table.soft}>{inTarget ? 'has it' : 'not there'}</td>
              <td>{targetRows === null ? (inTarget ? 'not counted yet' : '') : numberText(targetRows)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
      {tables.length > mostShown && <p className={table.soft}>and {countText(tables.length - mostShown, 'other')}</p>}
    </div>
  )
}

/** The tables of a backup beside those of the database that it would be restored into. */
export function Compared({ filename, database }: { filename: string; database: string }) {
  const into = useSettled(database.trim(), 400)
  const { data, error } = useQuery({
    queryKey: ['backups', filename, 'beside', into],
    queryFn: ({ signal }) => client.backups.compare(filename, into, { signal }),
    enabled: into !== '',
    retry: false,
    refetchInterval: false,
  })
  if (into === '') return null
  if (error) return <Problem error={error} what="What is in it could not be compared; it can be restored all the same." />
  if (!data) return <Loading rows={3} />
  const { backup, target, server, tables } = data
  const lost = tables.filter(({ inBackup }) => !inBackup).length
  return (
    <section aria-label={`Compared with ${into}`}>
      <Facts
        of={[
          ['In the backup', `${countText(backup.tables, 'table')}${backup.server ? `, of PostgreSQL ${backup.server}` : ''}`],
          [`In ${into}`, target ? countText(target.tables, 'table') : 'nothing: it is made'],
          ['Restored on', `PostgreSQL ${server}`],
        ]}
      />
      {major(backup.server) > major(server) && (
        <p className={table.bad}>It was made on a newer PostgreSQL than the one it would be restored on, which may refuse parts of it.</p>
      )}
      {target && lost > 0 && (
        <p className={table.bad}>{countText(lost, 'table is', 'tables are')} there and not in the backup: gone where it is replaced.</p>
      )}
      {tables.length > 0 && <Tables of={data} />}
    </section>
  )
}
