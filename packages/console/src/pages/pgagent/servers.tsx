import { IconPlus } from '@tabler/icons-react'
import type { PgAgentServerAnswer } from '@trunkline/client/contract'
import { lazy, Suspense, useState } from 'react'
import { Act } from '../../parts/act.tsx'
import { Go } from '../../parts/go.tsx'
import pages from '../../parts/page.module.css'
import { Page } from '../../parts/page.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { numberText } from '../../parts/words.ts'
import { sentenceOf, useMe, whyNot } from '../../session.tsx'
import css from './pgagent.module.css'
import { isFailing, serverPath, useJobLines, useServers } from './pgagent-data.ts'
import { Listener } from './status.tsx'
import { useWatching } from './watch.ts'

const ServerDialog = lazy(() => import('./server-dialog.tsx'))

function Card({ server }: { server: PgAgentServerAnswer }) {
  const { sid, name, connection, isDefault } = server
  const watching = useWatching(sid)
  const { data, error } = useJobLines(sid)
  const jobs = data?.data ?? []
  const held = jobs.filter(({ claimedByDead }) => claimedByDead).length
  const count = (value: number, word: string, only: string, isBad = false) => (
    <li>
      <Go to={serverPath(sid)} search={{ only }}>
        <strong className={isBad && value > 0 ? css.bad : undefined}>{numberText(value)}</strong> {word}
      </Go>
    </li>
  )
  return (
    <section className={`${pages.sheet} ${css.card}`} aria-label={name}>
      <h2>
        <Go to={serverPath(sid)}>{name}</Go>
      </h2>
      <p className={css.soft}>
        {isDefault ? 'of the settings' : sid}
        {connection && ` · ${connection.user}@${connection.host}:${connection.port}/${connection.database}`} · {server.timezone}
      </p>
      {error ? (
        <p className={css.bad}>
          {sentenceOf(error)}{' '}
          <Go to={serverPath(sid)} search={{ tab: 'setup' }}>
            See what is missing
          </Go>
        </p>
      ) : !data ? (
        <Loading rows={1} height={24} />
      ) : (
        <ul className={css.counts}>
          {count(jobs.length, jobs.length === 1 ? 'job' : 'jobs', '')}
          {count(jobs.filter(({ agent }) => agent !== null).length, 'running', 'running')}
          {count(jobs.filter(isFailing).length, 'failing', 'failing', true)}
          {held > 0 && count(held, 'held by a dead agent', 'failing', true)}
        </ul>
      )}
      <Listener of={watching} />
      {watching.latest && (
        <p className={css.soft}>
          Last change: {watching.latest.jobName}, <Time at={watching.latest.at} />
        </p>
      )}
    </section>
  )
}

/** PostgreSQL servers with a schema pgagent. */
export default function Servers() {
  const me = useMe()
  const { data, error, refetch } = useServers()
  const [isAdding, add] = useState(false)
  return (
    <Page
      title="pgAgent"
      lead="Servers with a schema pgagent"
      actions={
        <Act
          label="Add a server"
          variant="filled"
          icon={<IconPlus size={15} aria-hidden />}
          why={whyNot(me, { role: 'admin' })}
          onAct={() => add(true)}
        />
      }
    >
      {error ? (
        <Problem error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Loading rows={3} height={140} />
      ) : data.data.length === 0 ? (
        <Empty title="No server yet" code={{ 'trunkline.yaml': 'pgagent: { enabled: true }', 'Command line': 'trunkline pgagent install' }}>
          Add one here, or let the settings name the one where the agent runs.
        </Empty>
      ) : (
        <div className={css.cards}>
          {data.data.map((server) => (
            <Card key={server.sid} server={server} />
          ))}
        </div>
      )}
      <Suspense fallback={null}>{isAdding && <ServerDialog server={null} onClose={() => add(false)} />}</Suspense>
    </Page>
  )
}
