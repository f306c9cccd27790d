import { IconPlayerPlay, IconPlayerStop, IconRefresh } from '@tabler/icons-react'
import type { WorkerAnswer } from '@trunkline/client/contract'
import { useWorkers } from '../../live/data.ts'
import { Act, ActIcon, useChange } from '../../parts/act.tsx'
import { Choice } from '../../parts/choice.tsx'
import { Go, useAddress } from '../../parts/go.tsx'
import { Meter } from '../../parts/job-bits.tsx'
import { Page, Sheet } from '../../parts/page.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import table from '../../parts/table.module.css'
import { Table } from '../../parts/table.tsx'
import { Since } from '../../parts/time.tsx'
import { countText, sizeText } from '../../parts/words.ts'
import { client, useMe, whyNot } from '../../session.tsx'
import { Beat, WorkerState } from './worker-bits.tsx'

const isHere = ({ state }: WorkerAnswer) => state === 'running' || state === 'starting' || state === 'stopping'

function summary(workers: WorkerAnswer[]): string {
  const here = workers.filter((worker) => isHere(worker) && !worker.isStale)
  const slots = here.reduce((all, { concurrency }) => all + concurrency, 0)
  const busy = here.reduce((all, { running }) => all + running.length, 0)
  const stale = workers.filter(({ isStale, state }) => isStale && state !== 'stopped').length
  const versions = new Set(here.map(({ version }) => version)).size
  return [
    countText(here.length, 'worker'),
    `${busy} of ${countText(slots, 'slot')} busy`,
    ...(stale > 0 ? [`${stale} silent`] : []),
    ...(versions > 1 ? [`${versions} versions`] : []),
  ].join(', ')
}

/** Stops a worker: it takes nothing new and finishes what it has. */
export function StopWorker({ worker, wide = false }: { worker: WorkerAnswer; wide?: boolean }) {
  const me = useMe()
  const change = useChange()
  const why = whyNot(me, { role: 'admin' }) ?? (isHere(worker) ? (worker.stopWanted ? 'It is finishing already' : null) : 'It has ended')
  const stop = () =>
    change(() => client.workers.stop(worker.id), {
      done: `${worker.name} takes nothing new and finishes what it has`,
      failed: `${worker.name} was not stopped`,
    })
  const props = {
    label: wide ? 'Drain and stop' : `Drain and stop ${worker.name}`,
    icon: <IconPlayerStop size={17} aria-hidden />,
    why,
    onAct: stop,
  }
  return wide ? <Act size="sm" {...props} /> : <ActIcon {...props} />
}

/** Processes that run jobs. */
export default function Workers() {
  const me = useMe()
  const change = useChange()
  const [address, setAddress] = useAddress()
  const past = address.view === 'past'
  const { data, error, refetch, dataUpdatedAt } = useWorkers(past)
  const why = whyNot(me, { role: 'admin' })
  const start = () => change(() => client.workers.start({}), { done: 'A worker starts', failed: 'No worker was started' })
  const clean = () =>
    change(() => client.workers.cleanup({}), {
      done: ({ workers, jobs }) => `${countText(workers.length, 'dead worker')} removed, ${countText(jobs, 'job')} handed on`,
      failed: 'Nothing was cleaned up',
    })
  const stale = (data?.data ?? []).some(({ isStale, state }) => isStale && state !== 'stopped')
  return (
    <Page
      title="Workers"
      lead={data && summary(data.data)}
      actions={
        <>
          <Choice
            label="Which workers"
            of={[
              { value: '', label: 'Now' },
              { value: 'past', label: 'Also ended ones' },
            ]}
            value={past ? 'past' : ''}
            onChoose={(view) => setAddress({ view })}
          />
          {stale && <Act label="Hand on jobs of silent workers" icon={<IconRefresh size={15} aria-hidden />} why={why} onAct={clean} />}
          <Act label="Start a worker" variant="filled" icon={<IconPlayerPlay size={15} aria-hidden />} why={why} onAct={start} />
        </>
      }
    >
      <Sheet flush label="Workers">
        {error ? (
          <Problem error={error} retry={() => void refetch()} />
        ) : !data ? (
          <Loading rows={4} />
        ) : data.data.length === 0 ? (
          <Empty title="No worker runs" code={{ 'Command line': 'trunkline worker', TypeScript: 'await trunkline.work([task])' }}>
            Jobs wait until one does.
          </Empty>
        ) : (
          <Table label="Workers" folds>
            <thead>
              <tr>
                <th scope="col">Worker</th>
                <th scope="col">State</th>
                <th scope="col">Heard of</th>
                <th scope="col">Slots</th>
                <th scope="col">Queues</th>
                <th scope="col">Version</th>
                <th scope="col" className={table.number}>
                  CPU
                </th>
                <th scope="col" className={table.number}>
                  Memory
                </th>
                <th scope="col">Up for</th>
                <th scope="col">
                  <span className="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {data.data.map((worker) => (
                <tr key={worker.id}>
                  <th scope="row">
                    <Go to={`/workers/${worker.id}`}>{worker.name}</Go> <span className={table.faint}>#{worker.id}</span>
                  </th>
                  <td>
                    <WorkerState worker={worker} />
                  </td>
                  <td className={table.soft} data-label="Heard of">
                    {isHere(worker) || worker.isStale ? <Beat ageMs={worker.beatAgeMs} readAt={dataUpdatedAt} /> : ''}
                  </td>
                  <td>
                    <Meter
                      value={worker.running.length}
                      max={worker.concurrency}
                      label={`${worker.running.length} of ${worker.concurrency} slots busy`}
                    />
                  </td>
                  <td className={table.wrap} data-label="Queues">
                    {worker.queues.join(', ')}
                  </td>
                  <td className={worker.drift ? table.warn : table.soft} data-label="Version">
                    {worker.version}
                    {worker.drift && ' · not the newest'}
                  </td>
                  <td className={table.number} data-label="CPU">
                    {worker.cpuPercent === null ? '' : `${Math.round(worker.cpuPercent)} %`}
                  </td>
                  <td className={table.number} data-label="Memory">
                    {worker.rssBytes === null ? '' : sizeText(worker.rssBytes)}
                  </td>
                  <td className={table.soft} data-label="Up for">
                    {worker.endedAt === null ? <Since at={worker.startedAt} /> : ''}
                  </td>
                  <td className={table.actions}>
                    <StopWorker worker={worker} />
                  </td>
                </tr>
              ))}
            </tbody>
          </Table>
        )}
      </Sheet>
    </Page>
  )
}
