import { IconHeartOff, IconPlayerPlay } from '@tabler/icons-react'
import { useQueries } from '@tanstack/react-query'
import type { PgAgentServerAnswer } from '@trunkline/client/contract'
import { Act, useChange } from '../../parts/act.tsx'
import { Go } from '../../parts/go.tsx'
import { Time } from '../../parts/time.tsx'
import { gistOf } from '../../parts/words.ts'
import { client, sentenceOf, useMe, whyNot } from '../../session.tsx'
import { isFailing, isRunning, type JobLine, jobPath, jobsQuery, serverPath, useServers } from '../pgagent/pgagent-data.ts'
import css from './overview.module.css'
import type { Trouble } from './trouble.ts'

const day = 86_400_000
/** So many servers are asked, and so many of their jobs are told one by one. */
const most = 12
/** The overview listens to no pgAgent server: it asks. */
const askEveryMs = 15_000

function Fix({ sid, job }: { sid: string; job: JobLine }) {
  const me = useMe()
  const change = useChange()
  const why = whyNot(me, { role: 'operator' })
  const { jobs } = client.pgagent
  const release = () =>
    change(() => jobs.release(sid, job.id), { done: `${job.name} is free again`, failed: `${job.name} was not released` })
  const run = () => change(() => jobs.run(sid, job.id), { done: `${job.name} is to run now`, failed: `${job.name} was not started` })
  return job.claimedByDead ? (
    <Act label="Release" icon={<IconHeartOff size={15} aria-hidden />} why={why} onAct={release} />
  ) : (
    <Act label="Run now" icon={<IconPlayerPlay size={15} aria-hidden />} why={why} onAct={run} />
  )
}

/** What is wrong with a job now, or was with its last run of the last day; null = nothing. */
function complaintOf(job: JobLine): string | null {
  if (job.claimedByDead) return 'is held by an agent that is gone'
  if (!job.isEnabled || isRunning(job)) return null
  if (job.isParked) return 'has a next run that cannot be computed'
  if (!isFailing(job) || job.lastRunAt === null || Date.now() - Date.parse(job.lastRunAt) > day) return null
  return job.last?.status === 'd' ? 'was cut off in its last run' : 'failed in its last run'
}

function ofServer({ sid, name }: PgAgentServerAnswer, jobs: JobLine[]): Trouble[] {
  const bad = jobs.flatMap((job) => {
    const complaint = complaintOf(job)
    return complaint === null ? [] : [{ job, complaint }]
  })
  const told = bad.slice(0, most).map(({ job, complaint }) => ({
    key: `pgagent ${sid} ${job.id}`,
    text: (
      <>
        pgAgent job <Go to={jobPath(sid, job.id)}>{job.name}</Go> on <Go to={serverPath(sid)}>{name}</Go> {complaint}
        {job.last?.failure && !job.claimedByDead && (
          <>
            :{' '}
            <Go to={jobPath(sid, job.id)} search={{ tab: 'history', run: job.last.runId }}>
              {gistOf(job.last.failure)}
            </Go>
          </>
        )}{' '}
        <span className={css.when}>
          <Time at={job.lastRunAt} />
        </span>
      </>
    ),
    fix: <Fix sid={sid} job={job} />,
  }))
  if (bad.length <= most) return told
  const more = {
    key: `pgagent ${sid} more`,
    text: `${bad.length - most} more jobs of ${name} want a look`,
    fix: (
      <Go to={serverPath(sid)} search={{ only: 'failing' }}>
        Look at them
      </Go>
    ),
  }
  return [...told, more]
}

/** What is wrong with jobs of pgAgent, on all servers that the user may see. */
export function usePgAgentTroubles(): { troubles: Trouble[]; isPending: boolean } {
  const servers = useServers()
  const all = (servers.data?.data ?? []).slice(0, most)
  const lists = useQueries({ queries: all.map(({ sid }) => ({ ...jobsQuery(sid), refetchInterval: askEveryMs })) })
  const troubles = all.flatMap((server, i): Trouble[] => {
    const list = lists[i]
    if (list?.data) return ofServer(server, list.data.data)
    if (!list?.error) return []
    return [
      {
        key: `pgagent ${server.sid}`,
        text: (
          <>
            pgAgent server <Go to={serverPath(server.sid)}>{server.name}</Go>: {sentenceOf(list.error)}
          </>
        ),
        fix: (
          <Go to={serverPath(server.sid)} search={{ tab: 'setup' }}>
            See what is missing
          </Go>
        ),
      },
    ]
  })
  // a server that does not answer must not hold the verdict back
  return { troubles, isPending: servers.isPending }
}
