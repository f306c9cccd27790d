import { IconFileCheck } from '@tabler/icons-react'
import type { PgAgentSqlCheckedAnswer } from '@trunkline/client/contract'
import { useState } from 'react'
import { Act, useChange } from '../../parts/act.tsx'
import { client, useMe, whyNot } from '../../session.tsx'
import css from './pgagent.module.css'

/** Asks the server of a job whether it can read the SQL of a step; what it said stands there until the text is another. */
export function SqlCheck({ sid, sql }: { sid: string; sql: string }) {
  const me = useMe()
  const change = useChange()
  const [last, setLast] = useState<{ sql: string; said: PgAgentSqlCheckedAnswer } | null>(null)
  const said = last?.sql === sql ? last.said : null

  async function check() {
    const said = await change(() => client.pgagent.jobs.checkSql(sid, sql), { failed: 'The SQL could not be checked', changes: [] })
    if (said) setLast({ sql, said })
  }

  return (
    <div className={css.check}>
      <Act
        label="Check syntax"
        size="xs"
        icon={<IconFileCheck size={15} aria-hidden />}
        why={whyNot(me, { role: 'admin' }) ?? (sql.trim() === '' ? 'There is no SQL yet' : null)}
        onAct={check}
      />
      <div role="status">
        {said?.ok && 'The server can read it. Whether the tables and columns it names are there shows when it runs.'}
        {said?.problem && (
          <pre className={css.code} tabIndex={0} role="group" aria-label="What the server says of the SQL">
            {said.problem.text}
          </pre>
        )}
      </div>
    </div>
  )
}
