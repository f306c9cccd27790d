import { Menu } from '@mantine/core'
import { IconArchive, IconDots, IconRestore, IconShieldCheck, IconTrash } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { BackupListAnswer } from '@trunkline/client/contract'
import { useState } from 'react'
import { readAgain, useLive } from '../../live/live.ts'
import { Act, ActItem, useChange } from '../../parts/act.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { Facts } from '../../parts/facts.tsx'
import { Go, useGo } from '../../parts/go.tsx'
import { ProgressBar } from '../../parts/job-bits.tsx'
import { Page, Sheet } from '../../parts/page.tsx'
import { State } from '../../parts/state.tsx'
import { Empty, Forbidden, Loading, Problem } from '../../parts/states.tsx'
import table from '../../parts/table.module.css'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { countText, sizeText } from '../../parts/words.ts'
import { client, installation, useMe, whyNot } from '../../session.tsx'
import css from './backups.module.css'
import { Restore } from './restore.tsx'

type Backup = BackupListAnswer['data'][number]

const tasks = 'task:backup_create,backup_verify,backup_restore,backup_delete,backup_prune'

/** Jobs of backups: what runs now, and how the last ones went. */
function Under({ onlyOpen }: { onlyOpen: boolean }) {
  const q = onlyOpen ? `${tasks} state:pending,running` : `${tasks} state:completed,failed,cancelled`
  const { data } = useQuery({ queryKey: ['jobs', 'of backups', String(onlyOpen)], queryFn: () => client.jobs.search({ q, limit: 8 }) })
  if (!data || data.data.length === 0) return null
  return (
    <Sheet title={onlyOpen ? 'Under way' : 'Lately'} flush>
      <ul className={css.jobs}>
        {data.data.map((job) => (
          <li key={job.id}>
            <State state={job.state} reason={job.reason} quiet />
            <Go to={`/${job.id}`} search={job.state === 'running' ? { tab: 'logs' } : {}}>
              {job.task} #{job.id}
            </Go>
            <span className={css.what}>
              {job.state === 'running' ? <ProgressBar progress={job.progress} /> : job.state === 'failed' ? job.error?.message : ''}
            </span>
            <Time at={job.finishedAt ?? job.startedAt ?? job.createdAt} />
          </li>
        ))}
      </ul>
    </Sheet>
  )
}

function Row({ backup, onRestore }: { backup: Backup; onRestore: () => void }) {
  const me = useMe()
  const change = useChange()
  const go = useGo()
  const [isDeleting, askDelete] = useState(false)
  const { filename } = backup
  const why = whyNot(me, { role: 'admin' })
  const follow = (answer: { id: string }) => ({ label: 'Follow', run: () => go(`/${answer.id}`) })
  const verify = () =>
    change(() => client.backups.verify(filename), { done: `${filename} is being verified`, failed: 'It was not verified', action: follow })
  const remove = () => change(() => client.backups.delete(filename), { done: `${filename} is being deleted`, action: follow })
  return (
    <tr>
      <th scope="row">
        {filename}
        {backup.label && <span className={css.label}>{backup.label}</span>}
      </th>
      <td>
        <Time at={backup.createdAt} />
      </td>
      <td className={table.number}>{sizeText(backup.size)}</td>
      <td>{backup.database}</td>
      <td className={table.soft}>
        {backup.format}
        {backup.server && `, server ${backup.server}`}
      </td>
      <td className={table.actions}>
        <div className={css.verbs}>
          <Act label="Verify" icon={<IconShieldCheck size={15} aria-hidden />} why={why} onAct={verify} />
          <Menu position="bottom-end" width={200}>
            <Menu.Target>
              <button type="button" className={css.dots} aria-label={`More about ${filename}`}>
                <IconDots size={17} aria-hidden />
              </button>
            </Menu.Target>
            <Menu.Dropdown>
              <ActItem label="Restore" icon={<IconRestore size={15} aria-hidden />} why={whyNot(me, { role: 'owner' })} onAct={onRestore} />
              <ActItem label="Delete" icon={<IconTrash size={15} aria-hidden />} why={why} onAct={() => askDelete(true)} danger />
            </Menu.Dropdown>
          </Menu>
        </div>
        {isDeleting && (
          <Confirm
            title={`Delete ${filename}`}
            button="Delete"
            failed="It was not deleted"
            onClose={() => askDelete(false)}
            onConfirm={remove}
            {...(installation.tone === 'red' ? { typed: filename } : {})}
          >
            The file is gone for good.
          </Confirm>
        )}
      </td>
    </tr>
  )
}

/** Backups: the last good one, what is under way, and how to get back. */
export default function Backups() {
  const me = useMe()
  const change = useChange()
  const go = useGo()
  const [restoring, restore] = useState<Backup | null>(null)
  const why = whyNot(me, { role: 'admin' })
  const { data, error, refetch } = useQuery({ queryKey: ['backups'], queryFn: () => client.backups.list(), enabled: why === null })
  const { data: schedules } = useQuery({ queryKey: ['schedules'], queryFn: () => client.schedules.list({ limit: 500 }) })
  useLive('List', { filter: {} }, [['jobs', 'of backups'], ['backups']], (events) => {
    if (!events.some(({ event }) => typeof event.task === 'string' && event.task.startsWith('backup_'))) return
    readAgain('jobs', 'of backups')
    if (events.some(({ name }) => name === 'jobCompleted')) readAgain('backups')
  })
  const create = () =>
    change(() => client.backups.create({}), {
      done: 'A backup is being made',
      failed: 'No backup was made',
      action: (job) => ({ label: 'Follow', run: () => go(`/${job.id}`, { tab: 'logs' }) }),
    })
  const last = data?.data[0]
  const next = schedules?.data
    .filter(({ task, nextRunAt }) => task === 'backup_create' && nextRunAt !== null)
    .sort((a, b) => String(a.nextRunAt).localeCompare(String(b.nextRunAt)))[0]
  return (
    <Page
      title="Backups"
      actions={
        <Act label="Make a backup" variant="filled" size="sm" icon={<IconArchive size={15} aria-hidden />} why={why} onAct={create} />
      }
    >
      {why ? (
        <Forbidden sentence={why} />
      ) : (
        <>
          <Sheet label="At a glance">
            <Facts
              of={[
                ['Last good backup', last ? <Time at={last.createdAt} /> : 'none yet'],
                ['Its size', last && sizeText(last.size)],
                [
                  'Next on time',
                  next ? (
                    <Time at={next.nextRunAt} zone={next.timezone} />
                  ) : (
                    <Go to="/schedules/new" search={{ task: 'backup_create' }}>
                      make a schedule
                    </Go>
                  ),
                ],
                ['Kept', data && countText(data.data.length, 'backup')],
                ['Taken up', data && sizeText(data.data.reduce((all, { size }) => all + size, 0))],
              ]}
            />
          </Sheet>
          <Under onlyOpen />
          <Sheet flush title="Finished backups">
            {error ? (
              <Problem error={error} retry={() => void refetch()} />
            ) : !data ? (
              <Loading rows={3} />
            ) : data.data.length === 0 ? (
              <Empty title="No backup yet" code={{ 'Command line': 'trunkline backup create' }}>
                A backup is a job: it is made while everything runs.
              </Empty>
            ) : (
              <Table label="Finished backups, as a table" folds>
                <thead>
                  <tr>
                    <th scope="col">File</th>
                    <th scope="col">Made</th>
                    <th scope="col" className={table.number}>
                      Size
                    </th>
                    <th scope="col">Database</th>
                    <th scope="col">Format</th>
                    <th scope="col">
                      <span className="visually-hidden">Actions</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {data.data.map((backup) => (
                    <Row key={backup.filename} backup={backup} onRestore={() => restore(backup)} />
                  ))}
                </tbody>
              </Table>
            )}
          </Sheet>
          <Under onlyOpen={false} />
        </>
      )}
      {restoring && <Restore backup={restoring} onClose={() => restore(null)} />}
    </Page>
  )
}
