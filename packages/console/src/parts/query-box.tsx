import { IconHelpCircle, IconSearch, IconX } from '@tabler/icons-react'
import { parseQuery, queryFields, queryStates } from '@trunkline/client/contract'
import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react'
import { useQueues, useTasks, useWorkers } from '../live/data.ts'
import css from './query-box.module.css'

/** What is wrong with a query: where, and what. */
export interface QueryProblem {
  at: number
  message: string
}

/** Null = it can be read. */
export function problemOf(text: string): QueryProblem | null {
  try {
    parseQuery(text)
    return null
  } catch (error) {
    const { at = 0, message } = error as Error & { at?: number }
    return { at, message: message.replace(/^the query is wrong at column \d+: /, '').replace(/^./, (c) => c.toUpperCase()) }
  }
}

const examples: Record<string, string[]> = {
  age: ['<1h', '<24h', '<7d'],
  duration: ['>1m', '>10m', '<1s'],
  wait: ['>1m', '>1h'],
  attempt: ['>=2', '>=3'],
  priority: ['>=1', '-10..10'],
  finished: ['>2030-01-31'],
}

/** The word in which the caret stands. */
function wordAt(text: string, caret: number): { from: number; to: number; word: string } {
  let from = caret
  while (from > 0 && !/[\s()]/.test(text[from - 1] as string)) from--
  let to = caret
  while (to < text.length && !/[\s()]/.test(text[to] as string)) to++
  return { from, to, word: text.slice(from, to) }
}

function useCompletions(text: string, caret: number, tags: string[]): { from: number; to: number; offers: string[] } {
  const { data: tasks } = useTasks()
  const { data: queues } = useQueues()
  const { data: workers } = useWorkers()
  const { from, to, word } = wordAt(text, caret)
  const sign = word.startsWith('-') ? '-' : ''
  const bare = word.slice(sign.length)
  const colon = bare.indexOf(':')
  if (colon < 0) {
    const fields = [...Object.keys(queryFields).map((name) => `${name}:`), 'args.']
    return { from, to, offers: bare === '' ? [] : fields.filter((name) => name.startsWith(bare)).map((name) => sign + name) }
  }
  const field = bare.slice(0, colon)
  const values = bare.slice(colon + 1).split(',')
  const last = values.pop() ?? ''
  const known: Record<string, readonly string[]> = {
    state: queryStates,
    task: (tasks?.data ?? []).map((one) => one.task),
    queue: (queues?.data ?? []).map((one) => one.queue),
    worker: (workers?.data ?? []).map((one) => one.id),
    tag: tags,
    ...examples,
  }
  const offers = (known[field] ?? []).filter((value) => value.startsWith(last) && value !== last)
  const before = `${sign}${field}:${values.map((value) => `${value},`).join('')}`
  return { from, to, offers: offers.slice(0, 10).map((value) => before + value) }
}

/**
 * The box for queries: completes fields and values, says where a query is wrong, and takes only what can be read: after Enter at
 * once, while somebody types when they pause.
 */
export function QueryBox({
  value,
  onChange,
  tags = [],
  label,
}: {
  value: string
  onChange: (q: string) => void
  tags?: string[]
  label: string
}) {
  const [text, setText] = useState(value)
  const [caret, setCaret] = useState(value.length)
  const [isOpen, setOpen] = useState(false)
  const [at, setAt] = useState(-1)
  const input = useRef<HTMLInputElement>(null)
  const id = useId()
  const told = useRef(value)
  useEffect(() => {
    if (value === told.current) return
    told.current = value
    setText(value)
  }, [value])
  const problem = problemOf(text)
  const take = (next: string) => {
    if (problemOf(next) !== null || next.trim() === told.current) return
    told.current = next.trim()
    onChange(next.trim())
  }
  const latest = useRef(take)
  useEffect(() => {
    latest.current = take
  })
  useEffect(() => {
    const timer = setTimeout(() => latest.current(text), 350)
    return () => clearTimeout(timer)
  }, [text])
  const { from, to, offers } = useCompletions(text, caret, tags)
  const shown = isOpen && offers.length > 0
  const choose = (offer: string) => {
    const space = offer.endsWith(':') || offer.endsWith('.') ? '' : ' '
    const next = text.slice(0, from) + offer + (text.slice(to) || space)
    const place = from + offer.length + (text.slice(to) ? 0 : space.length)
    setText(next)
    setCaret(place)
    setAt(-1)
    requestAnimationFrame(() => {
      input.current?.focus()
      input.current?.setSelectionRange(place, place)
    })
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter') {
      event.preventDefault()
      const offer = shown ? offers[at] : undefined
      if (offer !== undefined) return choose(offer)
      setOpen(false)
      take(text)
    } else if (event.key === 'Escape') {
      if (shown) setOpen(false)
      else if (text !== '') setText('')
      else input.current?.blur()
      event.stopPropagation()
    } else if (shown && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
      event.preventDefault()
      setAt((at + (event.key === 'ArrowDown' ? 1 : -1) + offers.length + (at < 0 && event.key === 'ArrowUp' ? 1 : 0)) % offers.length)
    } else if (shown && event.key === 'Tab' && at >= 0) {
      event.preventDefault()
      choose(offers[at] as string)
    }
  }
  return (
    <div className={css.around}>
      <div className={css.box} data-bad={problem !== null || undefined}>
        <IconSearch size={16} aria-hidden />
        <div className={css.field}>
          <input
            ref={input}
            data-filter-box
            role="combobox"
            aria-label={label}
            aria-expanded={shown}
            aria-controls={`${id}-list`}
            aria-autocomplete="list"
            aria-activedescendant={shown && at >= 0 ? `${id}-${at}` : undefined}
            aria-invalid={problem !== null}
            aria-describedby={problem ? `${id}-problem` : undefined}
            placeholder="state:failed task:backup_* age:<24h, or a job id"
            spellCheck={false}
            autoComplete="off"
            autoCapitalize="none"
            value={text}
            onChange={(event) => {
              setText(event.currentTarget.value)
              setCaret(event.currentTarget.selectionStart ?? event.currentTarget.value.length)
              setOpen(true)
              setAt(-1)
            }}
            onSelect={(event) => setCaret(event.currentTarget.selectionStart ?? 0)}
            onFocus={() => setOpen(true)}
            onBlur={() => setOpen(false)}
            onKeyDown={onKeyDown}
          />
          {problem && (
            <div className={css.mirror} aria-hidden>
              {text.slice(0, problem.at)}
              <u>{text.slice(problem.at).split(/\s/)[0] || '\u00a0'}</u>
            </div>
          )}
        </div>
        {text !== '' && (
          <button
            type="button"
            className={css.clear}
            aria-label="Clear the query"
            onClick={() => {
              setText('')
              take('')
              input.current?.focus()
            }}
          >
            <IconX size={15} aria-hidden />
          </button>
        )}
      </div>
      <div id={`${id}-list`} role="listbox" aria-label="Completions" className={css.offers} hidden={!shown}>
        {shown &&
          offers.map((offer, i) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the box
            <div
              key={offer}
              id={`${id}-${i}`}
              role="option"
              aria-selected={i === at}
              className={css.offer}
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => choose(offer)}
            >
              {offer}
            </div>
          ))}
      </div>
      {problem && (
        <p id={`${id}-problem`} className={css.problem} role="status">
          <IconHelpCircle size={14} aria-hidden /> {problem.message}
        </p>
      )}
    </div>
  )
}
