import { Button } from '@mantine/core'
import { IconBan, IconCircleCheck, IconCircleX, IconLoader } from '@tabler/icons-react'
import { useInfiniteQuery } from '@tanstack/react-query'
import type { FlowAnswer } from '@trunkline/client/contract'
import { readAgain, useLive } from '../../live/live.ts'
import { Go } from '../../parts/go.tsx'
import { Page, Sheet } from '../../parts/page.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import table from '../../parts/table.module.css'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { numberText } from '../../parts/words.ts'
import { client } from '../../session.tsx'
import css from './flows.module.css'

const looks = { running: IconLoader, completed: IconCircleCheck, failed: IconCircleX, cancelled: IconBan }

function FlowState({ state }: { state: FlowAnswer['state'] }) {
  const Icon = looks[state]
  return (
    <span className={css.state} data-state={state}>
      <Icon size={15} aria-hidden /> {state}
    </span>
  )
}

/** Flows: jobs that wait for jobs. */
export default function Flows() {
  const list = useInfiniteQuery({
    queryKey: ['flows'],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => client.flows.list({ limit: 50, ...(pageParam ? { cursor: pageParam } : {}) }),
    getNextPageParam: (last) => last.nextCursor ?? undefined,
  })
  useLive('List', { filter: {} }, [['flows']], () => readAgain('flows'))
  const flows = list.data?.pages.flatMap(({ data }) => data) ?? []
  return (
    <Page title="Flows" lead="Jobs that wait for jobs">
      <Sheet flush label="Flows">
        {list.error ? (
          <Problem error={list.error} retry={() => void list.refetch()} />
        ) : !list.data ? (
          <Loading rows={5} />
        ) : flows.length === 0 ? (
          <Empty
            title="No flow yet"
            code={{ TypeScript: "await trunkline.flows.add({ jobs: [{ name: 'a', task }, { task: other, dependsOn: ['a'] }] })" }}
          >
            A flow is made in one call, or appears when a job depends on another.
          </Empty>
        ) : (
          <Table label="Flows" folds>
            <thead>
              <tr>
                <th scope="col">Flow</th>
                <th scope="col">State</th>
                <th scope="col">Ended</th>
                <th scope="col" className={table.number}>
                  Jobs
                </th>
                <th scope="col" className={table.number}>
                  Failed
                </th>
                <th scope="col">By</th>
                <th scope="col">Made</th>
              </tr>
            </thead>
            <tbody>
              {flows.map((flow) => (
                <tr key={flow.id}>
                  <th scope="row">
                    <Go to={`/flows/${flow.id}`}>{flow.name ?? `Flow ${flow.id}`}</Go> <span className={table.faint}>#{flow.id}</span>
                  </th>
                  <td>
                    <FlowState state={flow.state} />
                  </td>
                  <td>
                    <progress className={css.bar} value={flow.percent} max={100} aria-label={`${flow.percent} % ended`} /> {flow.percent} %
                  </td>
                  <td className={table.number} data-label="Jobs">
                    {numberText(flow.total)}
                  </td>
                  <td className={table.number} data-label="Failed" data-none={flow.counts.failed === 0 || undefined}>
                    {flow.counts.failed > 0 ? (
                      <span className={table.bad}>{numberText(flow.counts.failed)}</span>
                    ) : (
                      <span className={table.faint}>0</span>
                    )}
                  </td>
                  <td className={table.soft} data-label="By">
                    {flow.createdBy?.replace(/^user:/, '')}
                  </td>
                  <td className={table.soft} data-label="Made">
                    <Time at={flow.createdAt} />
                  </td>
                </tr>
              ))}
            </tbody>
          </Table>
        )}
      </Sheet>
      {list.hasNextPage && (
        <div>
          <Button variant="default" onClick={() => void list.fetchNextPage()}>
            Older flows
          </Button>
        </div>
      )}
    </Page>
  )
}
