import { useId, useMemo, useState } from 'react'
import { Choice } from './choice.tsx'
import { isExact, writeJson } from './exact.ts'
import css from './json-tree.module.css'
import { Copy } from './states.tsx'

/** What stands in place of a secret. */
const hidden = '•••'

const isNode = (value: unknown): value is object => typeof value === 'object' && value !== null && !isExact(value)
const entriesOf = (value: object): [string, unknown][] =>
  Array.isArray(value) ? value.map((v, i) => [String(i), v]) : Object.entries(value)
const pathOf = (path: string, key: string, isArray: boolean) =>
  isArray ? `${path}[${key}]` : /^[A-Za-z_$][\w$]*$/.test(key) ? `${path}${path ? '.' : ''}${key}` : `${path}[${JSON.stringify(key)}]`

function Leaf({ value }: { value: unknown }) {
  if (value === hidden)
    return (
      <span className={css.hidden} title="A secret; it never leaves the server">
        {hidden}
      </span>
    )
  const kind = value === null ? 'null' : isExact(value) ? 'number' : typeof value
  return (
    <span className={css.leaf} data-kind={kind}>
      {writeJson(value)}
    </span>
  )
}

const mostShown = 200

function Node({ name, value, path, depth, search }: { name: string | null; value: unknown; path: string; depth: number; search: string }) {
  const [isOpen, setOpen] = useState(depth < 2)
  const [shown, setShown] = useState(mostShown)
  const label = name === null ? null : <span className={css.key}>{name}</span>
  const isHit =
    search !== '' && ((name?.toLowerCase().includes(search) ?? false) || (!isNode(value) && String(value).toLowerCase().includes(search)))
  if (!isNode(value))
    return (
      <div className={css.line} data-hit={isHit || undefined}>
        {label}
        <Leaf value={value} />
        {path !== '' && <Copy text={path} label={`Copy the path ${path}`} />}
      </div>
    )
  const entries = entriesOf(value)
  const isArray = Array.isArray(value)
  const size = isArray ? `[${entries.length}]` : `{${entries.length}}`
  const open = isOpen || (search !== '' && (writeJson(value) ?? '').toLowerCase().includes(search))
  return (
    <div className={css.node}>
      <div className={css.line} data-hit={isHit || undefined}>
        <button
          type="button"
          className={css.toggle}
          aria-expanded={open}
          onClick={() => setOpen(!open)}
          aria-label={`${name ?? 'all'} ${size}`}
        >
          <span aria-hidden>{open ? '▾' : '▸'}</span>
          {label}
          <span className={css.size}>{size}</span>
        </button>
      </div>
      {open && (
        <div className={css.children}>
          {entries.slice(0, shown).map(([key, child]) => (
            <Node key={key} name={key} value={child} path={pathOf(path, key, isArray)} depth={depth + 1} search={search} />
          ))}
          {entries.length > shown && (
            <button type="button" className={css.toggle} onClick={() => setShown(shown + 1000)}>
              {entries.length - shown} more
            </button>
          )}
        </div>
      )}
    </div>
  )
}

/** A JSON value as a tree or as text, with a search, copyable as a whole and by path. */
export function JsonTree({ value, label }: { value: unknown; label: string }) {
  const [look, setLook] = useState('tree')
  const [search, setSearch] = useState('')
  const id = useId()
  const raw = useMemo(() => writeJson(value, 2) ?? 'null', [value])
  return (
    <div className={css.around}>
      <div className={css.tools}>
        <Choice
          label={`${label} as`}
          of={[
            { value: 'tree', label: 'Tree' },
            { value: 'raw', label: 'Text' },
          ]}
          value={look}
          onChoose={setLook}
        />
        {look === 'tree' && (
          <input
            id={id}
            className={css.search}
            aria-label={`Search in ${label}`}
            placeholder="Search"
            value={search}
            onChange={(event) => setSearch(event.currentTarget.value)}
          />
        )}
        <Copy text={raw} label={`Copy ${label}`} />
      </div>
      {look === 'tree' ? (
        <div className={css.tree}>
          <Node name={null} value={value} path="" depth={0} search={search.trim().toLowerCase()} />
        </div>
      ) : (
        <pre className={css.raw} tabIndex={0}>
          {raw}
        </pre>
      )}
    </div>
  )
}
