import { IconAdjustments, IconHeartbeat } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { QueueAnswer, QueueLimitsAnswer } from '@trunkline/client/contract'
import { lazy, Suspense, useState } from 'react'
import { Act } from '../../parts/act.tsx'
import { Facts } from '../../parts/facts.tsx'
import { JobLink } from '../../parts/job-bits.tsx'
import { Sheet } from '../../parts/page.tsx'
import { Loading, Problem } from '../../parts/states.tsx'
import table from '../../parts/table.module.css'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { countText, durationText, numberText } from '../../parts/words.ts'
import { client, useMe, whyNot } from '../../session.tsx'
import { crossedText, type Measure, measures } from './health.ts'
import { LevelOf } from './level.tsx'
import css from './queues.module.css'

const ThresholdsDialog = lazy(() => import('./thresholds-dialog.tsx').then(({ ThresholdsDialog: one }) => ({ default: one })))
const LimitsDialog = lazy(() => import('./limits-dialog.tsx').then(({ LimitsDialog: one }) => ({ default: one })))

/** How a queue is by its thresholds, and what they are. */
function HealthSheet({ queue }: { queue: QueueAnswer }) {
  const me = useMe()
  const [isOpen, open] = useState(false)
  const { health } = queue
  const bounds = (measure: Measure) => {
    const { warning, critical } = health?.thresholds[measure] ?? {}
    const { text } = measures[measure]
    return [warning !== undefined && `warning ${text(warning)}`, critical !== undefined && `critical ${text(critical)}`]
      .filter(Boolean)
      .join(', ')
  }
  return (
    <Sheet
      title="Health"
      aside={
        <Act
          label="Thresholds"
          icon={<IconHeartbeat size={15} aria-hidden />}
          why={whyNot(me, { role: 'operator' })}
          onAct={() => open(true)}
        />
      }
    >
      {health ? (
        <div className={css.said}>
          <p>
            <LevelOf level={health.level} /> <Time at={health.since} />
            {health.crossed.length > 0 && `: ${crossedText(health)}`}
          </p>
          <Facts
            of={(Object.keys(measures) as Measure[]).map((measure) => [measures[measure].label.replace(', minutes', ''), bounds(measure)])}
          />
        </div>
      ) : (
        <p className={css.soft}>It has no thresholds: nobody is told when it fills up or fails.</p>
      )}
      {isOpen && (
        <Suspense fallback={null}>
          <ThresholdsDialog queue={queue.queue} thresholds={health?.thresholds ?? {}} onClose={() => open(false)} />
        </Suspense>
      )}
    </Sheet>
  )
}

const kinds = { ordering: 'one after the other', concurrency: 'at once', rate: 'starts in a time' }

function Keys({ keys }: { keys: QueueLimitsAnswer['keys'] }) {
  return (
    <div className={css.keys}>
      <Table label="Keys that hold jobs back">
        <thead>
          <tr>
            <th scope="col">Key</th>
            <th scope="col">Limits</th>
            <th scope="col">Has it</th>
            <th scope="col" className={table.number}>
              Waiting
            </th>
            <th scope="col">Goes on</th>
          </tr>
        </thead>
        <tbody>
          {keys.map(({ kind, key, heldBy, held, nextAt }) => (
            <tr key={`${kind} ${key}`}>
              <th scope="row">{key}</th>
              <td>{kinds[kind]}</td>
              <td>
                {heldBy.length === 0
                  ? '–'
                  : heldBy.slice(0, 3).map((id, i) => (
                      <span key={id}>
                        {i > 0 && ', '}
                        <JobLink id={id} />
                      </span>
                    ))}
                {heldBy.length > 3 && ` and ${heldBy.length - 3} more`}
              </td>
              <td className={table.number}>{numberText(held)}</td>
              <td>{nextAt === null ? '–' : <Time at={nextAt} />}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </div>
  )
}

const rateText = (rate: QueueLimitsAnswer['rate']) =>
  rate && `${countText(rate.limit, 'start')} in ${durationText(rate.perMs)}, ${numberText(rate.burst)} at once after a pause`

/** The limits of a queue, how they stand, and who waits for them. */
function LimitsSheet({ queue }: { queue: string }) {
  const me = useMe()
  const [isOpen, open] = useState(false)
  const { data, error } = useQuery({ queryKey: ['jobs', 'of queue', 'limits', queue], queryFn: () => client.queues.limits(queue) })
  const isFree = data && !data.concurrency && !data.rate && !data.concurrencyPerKey && !data.ratePerKey
  return (
    <Sheet
      title="Limits"
      aside={
        <Act
          label="Change limits"
          icon={<IconAdjustments size={15} aria-hidden />}
          why={whyNot(me, { role: 'admin' })}
          onAct={() => open(true)}
        />
      }
    >
      {error ? (
        <Problem error={error} />
      ) : !data ? (
        <Loading rows={2} />
      ) : isFree && data.keys.length === 0 ? (
        <p className={css.soft}>None: as many jobs run at once as its workers have slots.</p>
      ) : (
        <>
          <Facts
            of={[
              [
                'At once',
                data.concurrency !== null &&
                  `${numberText(data.concurrency)}${data.running === null ? '' : `, ${numberText(data.running)} run now`}`,
              ],
              [
                'Starts',
                data.rate &&
                  `${rateText(data.rate)}${data.tokens === null ? '' : `; ${numberText(Math.floor(data.tokens))} could start now`}`,
              ],
              ['At once, each key', data.concurrencyPerKey],
              ['Starts of each key', rateText(data.ratePerKey)],
              ['Held back', data.held > 0 && `${countText(data.held, 'job')} by their keys`],
            ]}
          />
          {data.keys.length > 0 && <Keys keys={data.keys} />}
        </>
      )}
      {isOpen && data && (
        <Suspense fallback={null}>
          <LimitsDialog limits={data} onClose={() => open(false)} />
        </Suspense>
      )}
    </Sheet>
  )
}

/** What a queue is held to: when it is called unhealthy, and how much it may do. */
export function Bounds({ queue }: { queue: QueueAnswer }) {
  return (
    <div className={css.sheets}>
      <HealthSheet queue={queue} />
      <LimitsSheet queue={queue.queue} />
    </div>
  )
}
