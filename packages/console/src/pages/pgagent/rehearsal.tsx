import { IconAlertTriangle, IconCircleCheck, IconClockExclamation } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { PgAgentJobAnswer, PgAgentRehearsalAnswer } from '@trunkline/client/contract'
import { Go } from '../../parts/go.tsx'
import { Sheet } from '../../parts/page.tsx'
import { CodeText, Forbidden, Loading, Problem } from '../../parts/states.tsx'
import table from '../../parts/table.module.css'
import { Table } from '../../parts/table.tsx'
import { localTimeText } from '../../parts/words.ts'
import { client, useMe, whyNot } from '../../session.tsx'
import { CutOver } from './cut-over.tsx'
import css from './pgagent.module.css'

type Plan = PgAgentRehearsalAnswer['schedules'][number]
const marks = { gap: 'the clocks go forward', fold: 'the clocks go back' }
/** Of runs that agree, as many as somebody reads. */
const shownRuns = 10

function Compared({ plan, timezone }: { plan: Plan; timezone: string }) {
  const shown = plan.runs.filter(({ inPgAgent, inTrunkline }, i) => i < shownRuns || inPgAgent !== inTrunkline)
  return (
    <Sheet
      title={plan.name}
      flush
      aside={
        <span>
          {plan.runs.length} next runs compared, {plan.differing === 0 ? 'all the same' : `${plan.differing} differ`}
          {!plan.isEnabled && '; it would be off'}
        </span>
      }
    >
      <p className={css.older}>{plan.words}</p>
      <Table label={`Next runs of ${plan.name} on both sides`}>
        <thead>
          <tr>
            <th scope="col">At ({timezone})</th>
            <th scope="col">pgAgent</th>
            <th scope="col">Native</th>
            <th scope="col">
              <span className="visually-hidden">Why</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map(({ at, inPgAgent, inTrunkline, mark }) => (
            <tr key={at}>
              <th scope="row">{localTimeText(at, timezone).slice(0, 16)}</th>
              <td className={inPgAgent ? undefined : table.bad}>{inPgAgent ? 'runs' : 'does not run'}</td>
              <td className={inTrunkline ? undefined : table.bad}>{inTrunkline ? 'runs' : 'does not run'}</td>
              <td className={table.soft}>
                {mark && (
                  <>
                    <IconClockExclamation size={15} aria-hidden /> {marks[mark]}
                  </>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
    </Sheet>
  )
}

function Sentence({ verdict, importedAs }: PgAgentRehearsalAnswer) {
  if (verdict === 'done')
    return (
      <>
        It is cut over:{' '}
        {importedAs?.map((id, i) => (
          <span key={id}>
            {i > 0 && ', '}
            <Go to={`/schedules/${id}`}>its schedule</Go>
          </span>
        ))}{' '}
        runs it now.
      </>
    )
  return <>{verdict === 'possible' ? 'It can become a native schedule with steps.' : 'It cannot become a native schedule as it is.'}</>
}

/**
 * What a job of pgAgent would be as a native schedule, without changing anything; the cut-over and the way back.
 * @param timezone whose clock is shown
 */
export function Rehearsal({ sid, job, isDefault, timezone }: { sid: string; job: PgAgentJobAnswer; isDefault: boolean; timezone: string }) {
  const jobId = job.id
  const why = whyNot(useMe(), { role: 'admin' })
  const { data, error, refetch } = useQuery({
    // each event would have it computed anew
    queryKey: ['pgagent rehearsal', sid, jobId],
    enabled: why === null,
    queryFn: () => client.pgagent.jobs.rehearse(sid, jobId),
    retry: false,
    refetchInterval: false,
  })
  if (why) return <Forbidden sentence={why} />
  if (error) return <Problem error={error} retry={() => void refetch()} what="It could not be rehearsed." />
  if (!data) return <Loading rows={6} />
  const isBad = data.verdict === 'impossible'
  return (
    <div className={css.column}>
      <Sheet title="Rehearsal" aside={<span>Nothing is changed by it</span>}>
        <p className={css.sentence}>
          {isBad ? (
            <IconAlertTriangle size={18} color="var(--failed)" aria-hidden />
          ) : (
            <IconCircleCheck size={18} color="var(--completed)" aria-hidden />
          )}{' '}
          <Sentence {...data} />
        </p>
        <ul className={css.notes}>
          {data.obstacles.map((text) => (
            <li key={text} className={css.bad}>
              In the way: {text}
            </li>
          ))}
          {data.notes.map((text) => (
            <li key={text}>Otherwise: {text}</li>
          ))}
        </ul>
        {isDefault ? (
          <CutOver sid={sid} job={job} rehearsal={data} />
        ) : (
          !isBad && (
            <p className={css.soft}>
              Only jobs of the server of the settings are cut over: as whom others run their steps is not known here.
            </p>
          )
        )}
        {isDefault && !isBad && (
          <p className={css.command}>
            <span className={css.soft}>The same by command:</span>
            <CodeText text={`trunkline pgagent import ${jobId} ${data.verdict === 'done' ? '--undo' : '--apply'}`} />
          </p>
        )}
      </Sheet>
      {data.schedules.map((plan) => (
        <Compared key={plan.name} plan={plan} timezone={timezone} />
      ))}
    </div>
  )
}
