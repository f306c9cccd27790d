import { IconCircleCheck } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { readAgain, useLive } from '../../live/live.ts'
import { Choice } from '../../parts/choice.tsx'
import { Go, useAddress } from '../../parts/go.tsx'
import { Sparkline } from '../../parts/job-bits.tsx'
import { Page, Sheet } from '../../parts/page.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import table from '../../parts/table.module.css'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { countText, numberText } from '../../parts/words.ts'
import { client } from '../../session.tsx'
import { ErrorState } from './error-state.tsx'
import { ErrorVerbs } from './error-verbs.tsx'
import css from './errors.module.css'

const hour = 3_600_000
const ranges: Record<string, { label: string; hours: number }> = {
  '24h': { label: '24 hours', hours: 24 },
  '7d': { label: '7 days', hours: 168 },
  '30d': { label: '30 days', hours: 720 },
}
const states = ['', 'new', 'ongoing', 'regressed', 'resolved', 'ignored'] as const

/** Failures in so many equal stretches up to now. */
export function bars(hours: { at: string; count: number }[], reach: number, most = 28): number[] {
  const found = new Array<number>(most).fill(0)
  const width = (reach * hour) / most
  for (const { at, count } of hours) {
    const i = most - 1 - Math.floor((Date.now() - new Date(at).getTime()) / width)
    if (i >= 0 && i < most) found[i] = (found[i] ?? 0) + count
  }
  return found
}

/** Failures by cause. */
export default function Errors() {
  const [address, setAddress] = useAddress()
  const range = ranges[address.range ?? ''] ? (address.range as string) : '7d'
  const reach = ranges[range]?.hours ?? 168
  const state = address.state ?? ''
  const { data, error, refetch } = useQuery({
    queryKey: ['failures', 'list', range, state],
    queryFn: () =>
      client.errors.list({ from: new Date(Date.now() - reach * hour), ...(state ? { state: state as 'new' } : {}), limit: 200 }),
  })
  useLive('List', { filter: {} }, [['failures']], (events) => {
    if (events.some(({ name }) => name === 'jobFailed' || name === 'queueStats')) readAgain('failures')
  })
  return (
    <Page
      title="Errors"
      lead={data && `${countText(data.data.length, 'cause')} in the last ${ranges[range]?.label}`}
      actions={
        <>
          <Choice
            label="State"
            of={states.map((value) => ({ value, label: value || 'all' }))}
            value={state}
            onChoose={(value) => setAddress({ state: value })}
          />
          <Choice
            label="Of the last"
            of={Object.entries(ranges).map(([value, { label }]) => ({ value, label }))}
            value={range}
            onChoose={(value) => setAddress({ range: value === '7d' ? '' : value })}
          />
        </>
      }
    >
      <Sheet flush label="Causes of failures">
        {error ? (
          <Problem error={error} retry={() => void refetch()} />
        ) : !data ? (
          <Loading rows={6} />
        ) : data.data.length === 0 ? (
          <Empty icon={<IconCircleCheck size={26} aria-hidden />} title={state ? `No cause is ${state}` : 'Nothing has failed'}>
            {state ? 'Choose another state.' : `No attempt of any job has failed in the last ${ranges[range]?.label}.`}
          </Empty>
        ) : (
          <Table label="Causes of failures" folds>
            <thead>
              <tr>
                <th scope="col">Cause</th>
                <th scope="col">State</th>
                <th scope="col" className={table.number}>
                  Failures
                </th>
                <th scope="col">Over time</th>
                <th scope="col">First</th>
                <th scope="col">Last</th>
                <th scope="col">
                  <span className="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {data.data.map((group) => (
                <tr key={group.fingerprint}>
                  <th scope="row" className={css.cause}>
                    <Go to={`/errors/${group.fingerprint}`} className={css.message}>
                      {group.message || '(without a message)'}
                    </Go>
                    <span className={table.under}>{group.task}</span>
                  </th>
                  <td>
                    <ErrorState state={group.state} />
                  </td>
                  <td className={table.number} data-label="Failures">
                    {numberText(group.count)}
                  </td>
                  <td>
                    <Sparkline
                      values={bars(group.hours, reach)}
                      colour="var(--failed)"
                      label={`${group.count} failures in the last ${ranges[range]?.label}`}
                    />
                  </td>
                  <td className={table.soft} data-none>
                    <Time at={group.firstSeen} />
                  </td>
                  <td className={table.soft} data-label="Last">
                    <Time at={group.lastSeen} />
                  </td>
                  <td className={table.actions}>
                    <ErrorVerbs group={group} />
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
