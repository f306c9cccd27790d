import { Menu } from '@mantine/core'
import { IconCalendarPlus, IconDots, IconPlayerPlay, IconPlus, IconTrash } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { TemplateAnswer } from '@trunkline/client/contract'
import { useState } from 'react'
import { Act, ActItem, useChange } from '../../parts/act.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { useGo } from '../../parts/go.tsx'
import { Page, Sheet } from '../../parts/page.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import table from '../../parts/table.module.css'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { numberText } from '../../parts/words.ts'
import { client, useMe, whyNot } from '../../session.tsx'
import { whyNotRun } from '../job/job-actions.tsx'
import css from './templates.module.css'

function Row({ template }: { template: TemplateAnswer }) {
  const me = useMe()
  const go = useGo()
  const change = useChange()
  const [isDeleting, askDelete] = useState(false)
  const { id, name, task } = template
  const why = whyNot(me, { role: 'admin' })
  const remove = () => change(() => client.templates.delete(id), { done: `${name} is gone` })
  return (
    <tr>
      <th scope="row">
        {name}
        {template.description && <span className={css.description}>{template.description}</span>}
      </th>
      <td>{task}</td>
      <td className={css.payload}>
        {'payload' in template ? <code>{JSON.stringify(template.payload)}</code> : <span className={table.faint}>not shown to you</span>}
      </td>
      <td className={table.number} data-label="Used">
        {numberText(template.uses)}
      </td>
      <td className={table.soft} data-label="Last">
        {template.lastUsedAt ? <Time at={template.lastUsedAt} /> : 'never'}
      </td>
      <td className={table.number} data-label="Schedules">
        {template.schedules > 0 ? template.schedules : ''}
      </td>
      <td className={table.actions}>
        <div className={css.verbs}>
          <Act
            label="Run"
            icon={<IconPlayerPlay size={15} aria-hidden />}
            why={whyNotRun(me, task)}
            onAct={() => go('/new', { template: id })}
          />
          <Menu position="bottom-end" width={200}>
            <Menu.Target>
              <button type="button" className={css.dots} aria-label={`More about ${name}`}>
                <IconDots size={17} aria-hidden />
              </button>
            </Menu.Target>
            <Menu.Dropdown>
              <ActItem
                label="Schedule its task"
                icon={<IconCalendarPlus size={15} aria-hidden />}
                why={why}
                onAct={() => go('/schedules/new', { task })}
              />
              <ActItem
                label="Delete"
                icon={<IconTrash size={15} aria-hidden />}
                why={why ?? (template.schedules > 0 ? 'Schedules use it' : null)}
                onAct={() => askDelete(true)}
                danger
              />
            </Menu.Dropdown>
          </Menu>
        </div>
        {isDeleting && (
          <Confirm
            title={`Delete ${name}`}
            button="Delete"
            failed={`${name} was not deleted`}
            onClose={() => askDelete(false)}
            onConfirm={remove}
          >
            Jobs that were made with it stay.
          </Confirm>
        )}
      </td>
    </tr>
  )
}

/** Saved tasks with payload and options. */
export default function TemplateList() {
  const me = useMe()
  const go = useGo()
  const { data, error, refetch } = useQuery({ queryKey: ['templates'], queryFn: () => client.templates.list({ limit: 500 }) })
  return (
    <Page
      title="Templates"
      lead="Tasks with a payload and options, under a name"
      actions={
        <Act
          label="New template"
          variant="filled"
          icon={<IconPlus size={15} aria-hidden />}
          why={whyNot(me, { role: 'admin' })}
          onAct={() => go('/new')}
        />
      }
    >
      <Sheet flush label="Templates">
        {error ? (
          <Problem error={error} retry={() => void refetch()} />
        ) : !data ? (
          <Loading rows={4} />
        ) : data.data.length === 0 ? (
          <Empty title="No template yet">Fill in the form of a new job and save it as a template.</Empty>
        ) : (
          <Table label="Templates" folds>
            <thead>
              <tr>
                <th scope="col">Template</th>
                <th scope="col">Task</th>
                <th scope="col">Payload</th>
                <th scope="col" className={table.number}>
                  Used
                </th>
                <th scope="col">Last</th>
                <th scope="col" className={table.number}>
                  Schedules
                </th>
                <th scope="col">
                  <span className="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {data.data.map((template) => (
                <Row key={template.id} template={template} />
              ))}
            </tbody>
          </Table>
        )}
      </Sheet>
    </Page>
  )
}
