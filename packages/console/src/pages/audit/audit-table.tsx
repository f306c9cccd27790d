import { IconCircleX } from '@tabler/icons-react'
import type { AuditListAnswer } from '@trunkline/client/contract'
import { Fragment, useState } from 'react'
import { Go } from '../../parts/go.tsx'
import table from '../../parts/table.module.css'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import css from './audit.module.css'

/** Where a target can be looked at. */
function linkOf(target: string | null): string | null {
  const [kind, name] = target?.split(/:(.*)/s) ?? []
  if (!kind || !name) return null
  const places: Record<string, string> = {
    job: '',
    queue: 'queues/',
    schedule: 'schedules/',
    flow: 'flows/',
    error: 'errors/',
    worker: 'workers/',
  }
  const place = places[kind]
  return place === undefined || name.includes(',') ? null : `/${place}${encodeURIComponent(name)}`
}

const text = (value: unknown) => (value === null || value === undefined ? '' : JSON.stringify(value, null, 2))

/** What differs between before and after, key by key; as a whole where they are no objects. */
function Difference({ before, after }: { before: unknown; after: unknown }) {
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
  if (!isObject(before) || !isObject(after)) {
    return (
      <div className={css.both}>
        {text(before) && <pre>{text(before)}</pre>}
        {text(after) && <pre>{text(after)}</pre>}
      </div>
    )
  }
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]),
  )
  return (
    <dl className={css.changes}>
      {keys.map((key) => (
        <div key={key}>
          <dt>{key}</dt>
          <dd>
            <del>{JSON.stringify(before[key]) ?? 'nothing'}</del> → <ins>{JSON.stringify(after[key]) ?? 'nothing'}</ins>
          </dd>
        </div>
      ))}
    </dl>
  )
}

/** Lines of the audit; a press shows what changed. */
export function AuditTable({ lines }: { lines: AuditListAnswer['data'] }) {
  const [open, setOpen] = useState<string | null>(null)
  return (
    <Table label="Audit" folds>
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">Who</th>
          <th scope="col">Did</th>
          <th scope="col">To</th>
          <th scope="col">Outcome</th>
          <th scope="col">From</th>
          <th scope="col">
            <span className="visually-hidden">Details</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {lines.map((line) => {
          const link = linkOf(line.target)
          const hasMore = line.before !== null || line.after !== null || line.requestId !== null
          return (
            <Fragment key={line.no}>
              <tr>
                <td>
                  <Time at={line.at} absolute />
                </td>
                <td>
                  {line.actor.replace(/^user:/, '')} {line.how !== 'none' && <span className={table.faint}>{line.how}</span>}
                </td>
                <td>
                  <code>{line.action}</code>
                </td>
                <td className={css.target}>{link ? <Go to={link}>{line.target}</Go> : line.target}</td>
                <td>
                  {line.outcome === 'done' ? (
                    <span className={table.soft}>done</span>
                  ) : (
                    <span className={css.refused}>
                      <IconCircleX size={15} aria-hidden /> refused: {line.code}
                    </span>
                  )}
                </td>
                <td className={table.soft}>{line.address}</td>
                <td>
                  {hasMore && (
                    <button
                      type="button"
                      className={css.more}
                      aria-expanded={open === line.no}
                      onClick={() => setOpen(open === line.no ? null : line.no)}
                    >
                      {open === line.no ? 'less' : 'more'}
                    </button>
                  )}
                </td>
              </tr>
              {open === line.no && (
                <tr>
                  <td colSpan={7} className={table.wrap}>
                    <Difference before={line.before} after={line.after} />
                    <p className={table.soft}>
                      line {line.no}
                      {line.requestId && ` · request ${line.requestId}`}
                    </p>
                  </td>
                </tr>
              )}
            </Fragment>
          )
        })}
      </tbody>
    </Table>
  )
}
