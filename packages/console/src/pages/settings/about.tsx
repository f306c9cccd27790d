import { IconAlertTriangle } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { Facts } from '../../parts/facts.tsx'
import { Sheet } from '../../parts/page.tsx'
import { Loading, Problem } from '../../parts/states.tsx'
import table from '../../parts/table.module.css'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { sizeText } from '../../parts/words.ts'
import { client, installation, serverBase, useMe, whyNot } from '../../session.tsx'
import css from './settings.module.css'

/** Versions, what endangers the queue, who keeps workers running. */
export function About() {
  const me = useMe()
  const why = whyNot(me, { role: 'admin' })
  const { data, error } = useQuery({ queryKey: ['system'], queryFn: () => client.system.get(), enabled: why === null })
  return (
    <>
      <Sheet title="Trunkline">
        <Facts
          of={[
            ['Console', installation.version],
            ['Environment', installation.environment],
            ['Server', data?.version],
            ['Up since', data && <Time at={data.startedAt} />],
            ['Node', data?.node],
            ['PostgreSQL', data?.database.version],
            ['Schema', data && `${data.database.schema}, migration ${data.database.migration}`],
            ['Memory', data && sizeText(data.process.rssBytes)],
            ['Event loop behind by', data && `${data.process.loopLagMs} ms`],
            [
              'API',
              <a key="api" href={`${serverBase}/api/docs/`}>
                documentation
              </a>,
            ],
          ]}
        />
        {why && <p className={css.soft}>{why}</p>}
      </Sheet>
      {error && <Problem error={error} />}
      {!error && !data && why === null && <Loading rows={3} />}
      {data && data.warnings.length > 0 && (
        <Sheet title="What endangers the queue">
          <ul className={css.warnings}>
            {data.warnings.map(({ code, sentence, hint }) => (
              <li key={code}>
                <IconAlertTriangle size={16} aria-hidden />
                <span>
                  {sentence} <span className={css.soft}>{hint}</span>
                </span>
              </li>
            ))}
          </ul>
        </Sheet>
      )}
      {data && data.supervisors.length > 0 && (
        <Sheet flush title="Who keeps workers running">
          <Table label="Supervisors">
            <thead>
              <tr>
                <th scope="col">Host</th>
                <th scope="col">Process</th>
                <th scope="col" className={table.number}>
                  Workers
                </th>
                <th scope="col">Since</th>
              </tr>
            </thead>
            <tbody>
              {data.supervisors.map((one) => (
                <tr key={one.id}>
                  <th scope="row">{one.host}</th>
                  <td>{one.pid}</td>
                  <td className={table.number}>
                    {one.workersRunning} of {one.workersWanted}
                  </td>
                  <td>
                    <Time at={one.startedAt} />
                  </td>
                </tr>
              ))}
            </tbody>
          </Table>
        </Sheet>
      )}
    </>
  )
}
