import { IconAlertTriangle, IconCircleCheck, IconDownload, IconPencil, IconStethoscope, IconTrash } from '@tabler/icons-react'
import type { PgAgentExaminationAnswer, PgAgentServerAnswer } from '@trunkline/client/contract'
import { lazy, Suspense, useState } from 'react'
import { Act, useChange } from '../../parts/act.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { Facts } from '../../parts/facts.tsx'
import { useGo } from '../../parts/go.tsx'
import { Sheet } from '../../parts/page.tsx'
import { Copy } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { client, useMe, whyNot } from '../../session.tsx'
import css from './pgagent.module.css'

const ServerDialog = lazy(() => import('./server-dialog.tsx'))

const partNames: Record<string, string> = {
  connectivity: 'It can be reached',
  schema: 'Schema pgagent',
  tables: 'Tables',
  grants: 'Grants',
  function: 'Functions',
  trigger: 'Triggers',
  beside: 'Schema trunkline_pgagent',
  watch: 'Triggers that tell of changes',
}

/** SQL to be copied. */
export function Sql({ text, label }: { text: string; label: string }) {
  return (
    <>
      <div className={css.codeHead}>
        <span>{label}</span>
        <Copy text={text} label={`Copy: ${label}`} />
      </div>
      <pre className={css.code} tabIndex={0} aria-label={label} role="group">
        {text}
      </pre>
    </>
  )
}

function Found({ found }: { found: PgAgentExaminationAnswer }) {
  return (
    <ul className={css.list} aria-label="What was found">
      {found.parts.map(({ part, ok, found: sentence, sql }) => (
        <li key={part} className={css.part} data-ok={ok}>
          {ok ? (
            <IconCircleCheck size={17} color="var(--completed)" aria-hidden />
          ) : (
            <IconAlertTriangle size={17} color="var(--failed)" aria-hidden />
          )}
          <strong>
            {partNames[part] ?? part} <span className="visually-hidden">{ok ? 'is there' : 'is missing'}</span>
          </strong>
          <span className={css.soft}>{sentence}</span>
          {sql !== null && (
            <div>
              <Sql text={sql} label="What mends it, to be run by the owner of the database" />
            </div>
          )}
        </li>
      ))}
    </ul>
  )
}

/** What a server is, what is missing there, and the SQL that mends it. */
export function Setup({ server }: { server: PgAgentServerAnswer }) {
  const me = useMe()
  const change = useChange()
  const go = useGo()
  const [found, setFound] = useState<PgAgentExaminationAnswer | null>(null)
  const [asked, ask] = useState<'change' | 'delete' | null>(null)
  const { sid, name, connection } = server
  const why = whyNot(me, { role: 'admin' })
  const whyOwn = why ?? (server.isDefault ? 'It is the server of the settings; change it there (pgagent)' : null)
  const examine = () =>
    change(() => client.pgagent.servers.test(sid), { failed: 'It could not be looked at', changes: [] }).then(
      (answer) => answer && setFound(answer),
    )
  const install = () =>
    change(() => client.pgagent.servers.install(sid), {
      done: ({ created }) => (created ? 'The schema pgagent is made' : 'All that was missing is made'),
      failed: 'It was not made',
    }).then((answer) => answer && examine())
  const remove = () =>
    change(() => client.pgagent.servers.delete(sid), { done: `${name} is forgotten; its database is as it was` }).then(() => go('/pgagent'))
  return (
    <>
      <Sheet
        title="About this server"
        aside={
          <>
            <Act label="Change" icon={<IconPencil size={15} aria-hidden />} why={whyOwn} onAct={() => ask('change')} />
            <Act label="Forget it" icon={<IconTrash size={15} aria-hidden />} why={whyOwn} onAct={() => ask('delete')} />
          </>
        }
      >
        <Facts
          of={[
            ['Id', sid],
            ['Host', connection && `${connection.host}:${connection.port}`],
            ['Database', connection?.database],
            ['User', connection?.user],
            ['TLS', connection?.tls],
            ['Time zone', server.timezone],
            ['Host agent', server.hostAgent],
            ['Added', server.createdAt && <Time at={server.createdAt} />],
            ['By', server.createdBy?.replace(/^user:/, '')],
          ]}
        />
      </Sheet>
      <Sheet
        title="What it needs"
        flush={found !== null}
        aside={
          <>
            <Act label="Look what is missing" icon={<IconStethoscope size={15} aria-hidden />} why={why} onAct={examine} />
            {found?.parts.some(({ ok }) => !ok) && (
              <Act label="Make what is missing" icon={<IconDownload size={15} aria-hidden />} why={why} onAct={install} />
            )}
          </>
        }
      >
        {found ? (
          <Found found={found} />
        ) : (
          <p className={css.soft}>
            The schema, the rights of its role, functions and triggers are looked at part by part; for what is missing the SQL that mends it
            is shown. Nothing is changed by looking.
          </p>
        )}
      </Sheet>
      <Suspense fallback={null}>{asked === 'change' && <ServerDialog server={server} onClose={() => ask(null)} />}</Suspense>
      {asked === 'delete' && (
        <Confirm
          title={`Forget ${name}`}
          button="Forget it"
          failed={`${name} was not forgotten`}
          onClose={() => ask(null)}
          onConfirm={remove}
        >
          It is no longer listed here. Its database, jobs and agents stay as they are.
        </Confirm>
      )}
    </>
  )
}
