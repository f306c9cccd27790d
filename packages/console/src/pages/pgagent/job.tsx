import { IconAlertTriangle, IconFileCode, IconPencil } from '@tabler/icons-react'
import { useParams } from '@tanstack/react-router'
import type { PgAgentJobAnswer } from '@trunkline/client/contract'
import { useState } from 'react'
import { Act, useChange } from '../../parts/act.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Facts } from '../../parts/facts.tsx'
import { Go, useAddress, useGo } from '../../parts/go.tsx'
import { Page, Sheet } from '../../parts/page.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import { Tabs } from '../../parts/tabs.tsx'
import { Since, Time } from '../../parts/time.tsx'
import { durationText, gistOf } from '../../parts/words.ts'
import { client } from '../../session.tsx'
import { History } from './history.tsx'
import { JobVerbs, Release, useJobVerbs } from './job-verbs.tsx'
import css from './pgagent.module.css'
import { isFailing, isRunning, type JobLine, jobPath, serverPath, useJob, useJobLines, useRun, useServer } from './pgagent-data.ts'
import { Plans } from './plans.tsx'
import { Rehearsal } from './rehearsal.tsx'
import { Sql } from './setup.tsx'
import { Listener, Status } from './status.tsx'
import { Steps } from './steps.tsx'
import { Warnings } from './warnings.tsx'
import { useWatching } from './watch.ts'

/** How it stands, in one sentence. */
function Standing({ sid, line }: { sid: string; line: JobLine }) {
  const runs = isRunning(line)
  // which step it is at stands in the run
  const run = useRun(sid, runs && line.last?.status === 'r' ? line.last.runId : null)
  const at = run.data?.steps.find(({ status }) => status === 'r')
  if (runs)
    return (
      <>
        <Status of="r" /> {at && `at ${at.stepName} `}
        {run.data && <Since at={run.data.startedAt} suffix=" so far" />}
      </>
    )
  return (
    <>
      {line.last ? <Status of={line.last.status} /> : 'has not run yet'} {line.lastRunAt && <Time at={line.lastRunAt} />}
      {' · '}
      {line.isEnabled ? (
        line.nextRunAt === null ? (
          'no next run'
        ) : (
          <>
            next run <Time at={line.nextRunAt} />
          </>
        )
      ) : (
        'off'
      )}
    </>
  )
}

function Banners({ sid, line, job }: { sid: string; line: JobLine; job: PgAgentJobAnswer }) {
  const { last } = line
  return (
    <>
      {line.claimedByDead && (
        <div className={css.banner} role="alert">
          <IconAlertTriangle size={18} aria-hidden />
          <span>An agent that is gone holds it: it does not run before it is released. Its open run is closed as aborted then.</span>
          <Release sid={sid} job={line} />
        </div>
      )}
      {line.isParked && (
        <div className={css.banner} role="alert">
          <IconAlertTriangle size={18} aria-hidden />
          <span>Its next run cannot be computed; it waits until a schedule of it is changed.</span>
        </div>
      )}
      {isFailing(line) && last && (
        <div className={css.banner}>
          <IconAlertTriangle size={18} aria-hidden />
          <span>
            {last.status === 'd' ? 'Its last run was cut off' : 'Its last run failed'}
            {last.failure?.trim() ? `: ${gistOf(last.failure)}` : '.'}
          </span>
          <Go to={jobPath(sid, job.id)} search={{ tab: 'history', run: last.runId }}>
            What its steps said
          </Go>
        </div>
      )}
    </>
  )
}

function About({ job, timezone }: { job: PgAgentJobAnswer; timezone: string }) {
  return (
    <>
      <Sheet title="Next runs">
        {job.next.length === 0 ? (
          <p className={css.soft}>None.</p>
        ) : (
          <ol className={css.next}>
            {job.next.map((at) => (
              <li key={at}>
                <Time at={at} zone={timezone} absolute />
              </li>
            ))}
          </ol>
        )}
      </Sheet>
      <Warnings of={job.warnings} />
      <Sheet label="About this job">
        <Facts
          of={[
            ['Number', job.id],
            ['Class', job.class],
            ['Host agent', job.hostAgent || 'any'],
            ['Time zone', timezone],
            ['Each step at most', job.timeoutMs !== null && durationText(job.timeoutMs)],
            ['Made', <Time key="made" at={job.createdAt} />],
          ]}
        />
      </Sheet>
    </>
  )
}

/** One job of pgAgent: how it stands, its steps, schedules and history. */
export default function Job() {
  const { sid = '', jobId = '' } = useParams({ strict: false }) as { sid?: string; jobId?: string }
  const [address, setAddress] = useAddress()
  const server = useServer(sid)
  const lines = useJobLines(sid)
  const { data: job, error } = useJob(sid, jobId)
  const watching = useWatching(job ? sid : null)
  const line = lines.data?.data.find(({ id }) => id === jobId)
  const problem = error ?? server.error ?? lines.error
  if (!job || !server.data || (!line && !lines.data))
    return (
      <Page title={`pgAgent job ${jobId}`}>
        {!problem ? (
          <Loading rows={8} />
        ) : (problem as { status?: number }).status === 404 ? (
          <Empty title={`There is no job ${jobId}`} actions={<Go to={serverPath(sid)}>All jobs of {sid}</Go>}>
            It was deleted, or lies outside of what you may see.
          </Empty>
        ) : (
          <Problem error={problem} />
        )}
      </Page>
    )
  const timezone = job.timezone ?? server.data.timezone
  return (
    <Page
      title={job.name}
      lead={
        <>
          <Go to={serverPath(sid)}>{server.data.name}</Go> · {line && <Standing sid={sid} line={line} />}
          {job.description && <div>{job.description}</div>}
          <div>
            <Listener of={watching} />
          </div>
        </>
      }
      actions={line && <Actions sid={sid} line={line} />}
    >
      {line && <Banners sid={sid} line={line} job={job} />}
      <Tabs
        label="Of this job"
        open={address.tab}
        onOpen={(tab) => setAddress({ tab })}
        tabs={[
          {
            name: 'steps',
            label: `Steps ${job.steps.length}`,
            content: () => (
              <div className={css.columns}>
                <div className={css.column}>
                  <Steps sid={sid} job={job} line={line} />
                </div>
                <div className={css.column}>
                  <About job={job} timezone={timezone} />
                </div>
              </div>
            ),
          },
          { name: 'schedules', label: `Schedules ${job.schedules.length}`, content: () => <Plans job={job} timezone={timezone} /> },
          {
            name: 'history',
            label: 'History',
            content: () => (
              <div className={css.column}>
                <History sid={sid} job={job} />
              </div>
            ),
          },
          {
            name: 'migration',
            label: 'Migration',
            content: () => <Rehearsal sid={sid} job={job} isDefault={server.data.isDefault} timezone={timezone} />,
          },
        ]}
      />
    </Page>
  )
}

function Actions({ sid, line }: { sid: string; line: JobLine }) {
  const go = useGo()
  const change = useChange()
  const { edit } = useJobVerbs(sid, line)
  const [sql, showSql] = useState<string | null>(null)
  const exportIt = () =>
    change(() => client.pgagent.jobs.sql(sid, line.id), { failed: 'It could not be written as SQL', changes: [] }).then(
      (answer) => answer && showSql(answer.sql),
    )
  return (
    <>
      <Act
        label="Change"
        size="sm"
        icon={<IconPencil size={15} aria-hidden />}
        why={edit}
        onAct={() => go(`${jobPath(sid, line.id)}/edit`)}
      />
      <Act label="As SQL" size="sm" icon={<IconFileCode size={15} aria-hidden />} why={edit} onAct={exportIt} />
      <JobVerbs sid={sid} job={line} wide />
      {sql !== null && (
        <Dialog title={`${line.name} as SQL`} size="xl" onClose={() => showSql(null)}>
          <Sql text={sql} label="Makes it again elsewhere; passwords are left out" />
        </Dialog>
      )}
    </>
  )
}
