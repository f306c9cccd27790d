import { Button } from '@mantine/core'
import { Go } from '../../parts/go.tsx'
import { Sheet } from '../../parts/page.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import table from '../../parts/table.module.css'
import { Table } from '../../parts/table.tsx'
import { Since, Time } from '../../parts/time.tsx'
import { durationText } from '../../parts/words.ts'
import { jobPath, useRuns } from './pgagent-data.ts'
import { Status } from './status.tsx'

/** The runs of all jobs of a server, the latest first. */
export function RunsTable({ sid }: { sid: string }) {
  const list = useRuns(sid, null, 50)
  if (list.error) return <Problem error={list.error} retry={() => void list.refetch()} />
  if (!list.data) return <Loading rows={6} />
  const runs = list.data.pages.flatMap(({ data }) => data)
  if (runs.length === 0) return <Empty title="Nothing has run yet">Each run of a job appears here, also those of the original agent.</Empty>
  return (
    <>
      <Sheet flush label="Runs">
        <Table label="Runs of all jobs" folds>
          <thead>
            <tr>
              <th scope="col">Run</th>
              <th scope="col">Job</th>
              <th scope="col">Ended</th>
              <th scope="col">Steps</th>
              <th scope="col">Started</th>
              <th scope="col" className={table.number}>
                Took
              </th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => (
              <tr key={run.id}>
                <th scope="row">
                  <Go to={jobPath(sid, run.jobId)} search={{ tab: 'history', run: run.id }}>
                    #{run.id}
                  </Go>
                </th>
                <td>
                  <Go to={jobPath(sid, run.jobId)}>{run.jobName}</Go>
                </td>
                <td>
                  <Status of={run.status} />
                </td>
                <td className={table.soft} data-label="Steps">
                  {run.onlyStepId === null ? run.steps.length : `only ${run.steps[0]?.stepName ?? `step ${run.onlyStepId}`}`}
                </td>
                <td className={table.soft} data-label="Started">
                  <Time at={run.startedAt} />
                </td>
                <td className={table.number} data-label="Took">
                  {run.status === 'r' ? <Since at={run.startedAt} /> : durationText(run.durationMs)}
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      </Sheet>
      {list.hasNextPage && (
        <p>
          <Button variant="default" onClick={() => void list.fetchNextPage()}>
            Older runs
          </Button>
        </p>
      )}
    </>
  )
}
