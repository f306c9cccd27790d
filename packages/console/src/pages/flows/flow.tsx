import { IconBan, IconRefresh } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import type { FlowDetailAnswer } from '@trunkline/client/contract'
import { lazy, Suspense } from 'react'
import { readAgain, useLive } from '../../live/live.ts'
import { Act, useChange } from '../../parts/act.tsx'
import { Facts } from '../../parts/facts.tsx'
import { Go } from '../../parts/go.tsx'
import { Page, Sheet } from '../../parts/page.tsx'
import { State } from '../../parts/state.tsx'
import { Loading, Problem } from '../../parts/states.tsx'
import table from '../../parts/table.module.css'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { countText, durationText } from '../../parts/words.ts'
import { client, useMe, whyNot } from '../../session.tsx'
import css from './flows.module.css'
import { layOut } from './layout.ts'

const Graph = lazy(() => import('./graph.tsx'))

/** More jobs than this are a table only. */
const mostDrawn = 500

async function wholeFlow(id: string): Promise<FlowDetailAnswer> {
  let page = await client.flows.get(id, { limit: 500 })
  const jobs = [...page.jobs]
  while (page.nextCursor !== null && jobs.length < 2000) {
    page = await client.flows.get(id, { limit: 500, cursor: page.nextCursor })
    jobs.push(...page.jobs)
  }
  return { ...page, jobs }
}

function JobsTable({ jobs }: { jobs: FlowDetailAnswer['jobs'] }) {
  const { places } = layOut(jobs.map(({ job, dependsOn }) => ({ id: job.id, parents: dependsOn.map(({ jobId }) => jobId) })))
  const depth = new Map(places.map(({ id, column }) => [id, column]))
  const names = new Map(jobs.map(({ name, job }) => [job.id, name ?? job.task]))
  const sorted = [...jobs].sort(
    (a, b) => (depth.get(a.job.id) ?? 0) - (depth.get(b.job.id) ?? 0) || Number(BigInt(a.job.id) - BigInt(b.job.id)),
  )
  return (
    <Table label="Jobs of the flow">
      <thead>
        <tr>
          <th scope="col">Job</th>
          <th scope="col">State</th>
          <th scope="col">Waits for</th>
          <th scope="col" className={table.number}>
            Ran
          </th>
        </tr>
      </thead>
      <tbody>
        {sorted.map(({ name, job, dependsOn }) => (
          <tr key={job.id}>
            <th scope="row" style={{ paddingLeft: 16 + (depth.get(job.id) ?? 0) * 22 }}>
              <Go to={`/${job.id}`}>{name ?? job.task}</Go> <span className={table.faint}>#{job.id}</span>
            </th>
            <td>
              <State state={job.state} reason={job.reason} quiet />
              {job.error && job.state === 'failed' && <span className={css.error}>{job.error.message}</span>}
            </td>
            <td className={table.soft}>{dependsOn.map(({ jobId }) => names.get(jobId) ?? `#${jobId}`).join(', ')}</td>
            <td className={table.number}>{durationText(job.durationMs)}</td>
          </tr>
        ))}
      </tbody>
    </Table>
  )
}

/** One flow, drawn and as a table. */
export default function Flow() {
  const { id = '' } = useParams({ strict: false }) as { id?: string }
  const me = useMe()
  const change = useChange()
  const { data, error } = useQuery({ queryKey: ['flow', id], queryFn: () => wholeFlow(id) })
  useLive('List', { filter: {} }, [['flow', id]], () => readAgain('flow', id))
  const why = whyNot(me, { role: 'operator' })
  if (!data)
    return (
      <Page title={`Flow ${id}`}>
        {error ? <Problem error={error} what="There is no such flow, or it lies outside of what you may see." /> : <Loading rows={8} />}
      </Page>
    )
  const { counts } = data
  const open = counts.pending + counts.blocked + counts.running
  const lost = counts.failed + counts.cancelled
  const cancel = () =>
    change(() => client.flows.cancel(id), {
      done: ({ changed, others }) => `${countText(changed, 'job')} cancelled${others ? `, ${others} asked to end` : ''}`,
      failed: 'The flow was not cancelled',
    })
  const retry = () =>
    change(() => client.flows.retry(id), {
      done: ({ changed }) => `${countText(changed, 'job')} run or wait again`,
      failed: 'The flow was not retried',
    })
  return (
    <Page
      title={data.name ?? `Flow ${id}`}
      lead={`${data.state}, ${data.percent} % of ${countText(data.total, 'job')} ended`}
      actions={
        <>
          <Act
            label="Retry what failed"
            size="sm"
            icon={<IconRefresh size={15} aria-hidden />}
            why={why ?? (lost > 0 ? null : 'Nothing in it has failed')}
            onAct={retry}
            {...(lost > 0 ? { variant: 'filled' } : {})}
          />
          <Act
            label="Cancel"
            size="sm"
            icon={<IconBan size={15} aria-hidden />}
            why={why ?? (open > 0 ? null : 'It has ended')}
            onAct={cancel}
          />
        </>
      }
    >
      <Sheet label="About this flow">
        <Facts
          of={[
            ['Completed', counts.completed],
            ['Running', counts.running],
            ['Waiting', counts.pending],
            ['Blocked', counts.blocked],
            ['Failed', counts.failed],
            ['Cancelled', counts.cancelled],
            ['Made', <Time key="made" at={data.createdAt} />],
            ['By', data.createdBy?.replace(/^user:/, '')],
            ['Ended', data.finishedAt && <Time at={data.finishedAt} />],
          ]}
        />
      </Sheet>
      {data.jobs.length <= mostDrawn ? (
        <Sheet title="Drawn" flush>
          <Suspense fallback={<Loading rows={4} />}>
            <Graph jobs={data.jobs} />
          </Suspense>
        </Sheet>
      ) : (
        <p className={table.soft}>{countText(data.total, 'job')} are too many for a drawing.</p>
      )}
      <Sheet title="Jobs" flush>
        <JobsTable jobs={data.jobs} />
      </Sheet>
    </Page>
  )
}
