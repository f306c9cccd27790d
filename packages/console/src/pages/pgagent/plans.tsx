import { describeRhythm, type PgAgentJobAnswer } from '@trunkline/client/contract'
import { Sheet } from '../../parts/page.tsx'
import { Empty } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import css from './pgagent.module.css'

type Plan = PgAgentJobAnswer['schedules'][number]

const everyMinute = Array.from({ length: 60 }, (_, i) => i)

/** A calendar of pgAgent in words. */
export function planWords({ calendar }: Pick<Plan, 'calendar'>, timezone: string): string {
  const minutes = calendar.minutes.length > 0 ? calendar.minutes : everyMinute
  try {
    return describeRhythm({ calendar: { ...calendar, minutes }, timezone })
  } catch (error) {
    // such as 30 February: no schedule of ours, but one that pgAgent keeps
    return error instanceof Error ? error.message : String(error)
  }
}

/** The schedules of a job. @param timezone whose clock they show */
export function Plans({ job, timezone }: { job: PgAgentJobAnswer; timezone: string }) {
  if (job.schedules.length === 0) return <Empty title="It has no schedule">It runs when somebody starts it.</Empty>
  return (
    <Sheet title="Schedules" flush aside={<span>Times of {timezone}</span>}>
      <ul className={css.list}>
        {job.schedules.map((plan) => (
          <li key={plan.id}>
            <div className={css.itemHead}>
              <h3>{plan.name}</h3>
              {!plan.isEnabled && <span className={css.off}>off</span>}
              <span className={css.soft}>{plan.description}</span>
            </div>
            <p>{planWords(plan, timezone)}</p>
            <p className={css.soft}>
              from <Time at={plan.startsAt} absolute zone={timezone} />
              {plan.endsAt !== null && (
                <>
                  {' '}
                  until <Time at={plan.endsAt} absolute zone={timezone} />
                </>
              )}
              {plan.exceptions.length > 0 &&
                `; not on ${plan.exceptions.map(({ date, time }) => [date, time].filter(Boolean).join(' at ')).join(', ')}`}
            </p>
          </li>
        ))}
      </ul>
    </Sheet>
  )
}
