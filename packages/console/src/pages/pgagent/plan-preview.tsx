import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Sheet } from '../../parts/page.tsx'
import { useSettled } from '../../parts/settled.ts'
import { Loading, Problem } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { localTimeText } from '../../parts/words.ts'
import { client } from '../../session.tsx'
import { type PlanDraft, plansBody } from './draft.ts'
import css from './pgagent.module.css'
import { Warnings } from './warnings.tsx'

/** When schedules would fire, computed by the code of the agent, before anything is saved. */
export function PlanPreview({ sid, plans, clock }: { sid: string; plans: PlanDraft[]; clock: string }) {
  const body = JSON.stringify({ timezone: clock, schedules: plansBody(plans, clock).filter(({ isEnabled }) => isEnabled) })
  const text = useSettled(body, 250)
  const isNone = (JSON.parse(text) as { schedules: unknown[] }).schedules.length === 0
  const { data, error } = useQuery({
    queryKey: ['pgagent preview', sid, text],
    enabled: !isNone,
    queryFn: () => client.pgagent.jobs.preview(sid, { ...JSON.parse(text), limit: 10 }),
    placeholderData: keepPreviousData,
    retry: false,
    refetchInterval: false,
  })
  if (isNone)
    return (
      <Sheet title="Next runs">
        <p className={css.soft}>No schedule is on: it runs when somebody starts it.</p>
      </Sheet>
    )
  if (error) return <Problem error={error} what="The next runs cannot be told." />
  if (!data) return <Loading rows={5} />
  return (
    <>
      <Sheet title="Next runs">
        {data.next.length === 0 ? (
          <p>It does not run any more.</p>
        ) : (
          <ol className={css.next}>
            {data.next.map((at) => (
              <li key={at} className={css.slot}>
                <strong>{localTimeText(at, clock).slice(0, 16)}</strong>
                <span className={css.soft}>
                  <Time at={at} zone={clock} />
                </span>
              </li>
            ))}
          </ol>
        )}
        <p className={css.soft}>Times of {clock}.</p>
      </Sheet>
      <Warnings of={data.warnings} />
    </>
  )
}
