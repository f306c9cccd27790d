import { IconPlayerPlay } from '@tabler/icons-react'
import type { PgAgentJobAnswer } from '@trunkline/client/contract'
import { Act, useChange } from '../../parts/act.tsx'
import { Sheet } from '../../parts/page.tsx'
import { Empty } from '../../parts/states.tsx'
import { durationText } from '../../parts/words.ts'
import { client, useMe, whyNot } from '../../session.tsx'
import css from './pgagent.module.css'
import { isRunning, type JobLine } from './pgagent-data.ts'
import { Sql } from './setup.tsx'

type Step = PgAgentJobAnswer['steps'][number]

const onErrors: Record<string, string> = {
  fail: 'if it fails, the job ends as failed',
  succeed: 'if it fails, it counts as succeeded and the next step runs',
  ignore: 'if it fails, the next step runs all the same',
}

function whereOf({ kind, database, connectionString }: Step): string {
  if (kind === 'batch') return 'a script, where the agent runs'
  return connectionString ? `SQL, by ${connectionString}` : `SQL in ${database || 'the database of the schema'}`
}

/** The steps of a job in their order; each can be run alone. */
export function Steps({ sid, job, line }: { sid: string; job: PgAgentJobAnswer; line: JobLine | undefined }) {
  const me = useMe()
  const change = useChange()
  const why = whyNot(me, { role: 'operator' }) ?? (line && isRunning(line) ? 'The job runs now' : null)
  if (job.steps.length === 0) return <Empty title="It has no step">Without one its runs do nothing.</Empty>
  const run = (step: Step) => () =>
    change(() => client.pgagent.jobs.runStep(sid, job.id, step.id), {
      done: `${step.name} is to run alone`,
      failed: `${step.name} was not started`,
    })
  return (
    <Sheet
      title="Steps"
      flush
      aside={<span>They run in the order of their names, one after the other. One alone is run by an agent of Trunkline.</span>}
    >
      <ol className={css.list}>
        {job.steps.map((step, i) => (
          <li key={step.id}>
            <div className={css.itemHead}>
              <h3>
                {i + 1}. {step.name}
              </h3>
              {!step.isEnabled && <span className={css.off}>off</span>}
              <span className={`${css.soft} ${css.grow}`}>{step.description}</span>
              <Act label="Run this step only" icon={<IconPlayerPlay size={15} aria-hidden />} why={why} onAct={run(step)} />
            </div>
            <p className={css.soft}>
              {whereOf(step)}; {onErrors[step.onError] ?? step.onError}
              {step.timeoutMs !== null && `; at most ${durationText(step.timeoutMs)}`}
            </p>
            {step.code === null ? (
              <p className={css.soft}>What it does is for administrators, and those with the right payload.read.</p>
            ) : (
              <Sql text={step.code} label={step.kind === 'sql' ? 'SQL' : 'Script'} />
            )}
          </li>
        ))}
      </ol>
    </Sheet>
  )
}
