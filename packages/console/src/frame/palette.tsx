import { IconArrowRight, IconCalendarPlus, IconHash, IconPlayerPause, IconPlayerPlay, IconSearch, IconStack2 } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { parseQuery } from '@trunkline/client/contract'
import { type KeyboardEvent, type ReactNode, useEffect, useId, useState } from 'react'
import { useQueues } from '../live/data.ts'
import { useChange } from '../parts/act.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { useGo } from '../parts/go.tsx'
import { client, useMe, whyNot } from '../session.tsx'
import { places } from './nav.ts'
import css from './palette.module.css'

interface Offer {
  key: string
  icon: ReactNode
  label: string
  note?: string
  run: () => void
}

/** A query such as state:failed, which must not be mistaken for the name of a page. */
function isQuery(text: string): boolean {
  if (!/[:(]/.test(text)) return false
  try {
    parseQuery(text)
    return true
  } catch {
    return false
  }
}

function matches(name: string, text: string): boolean {
  const wanted = text.toLowerCase()
  return (
    name
      .toLowerCase()
      .split(/[\s._:/-]+/)
      .some((word) => word.startsWith(wanted)) || name.toLowerCase().includes(wanted)
  )
}

/** What there is to choose; incomplete while a list of names is on its way. */
interface Offers {
  offers: Offer[]
  isComplete: boolean
}

/** Queues by name, and what can be done with them; a new schedule. */
function useActs(text: string, onPause: (queue: string) => void): Offers {
  const go = useGo()
  const me = useMe()
  const change = useChange()
  const { data, isPending } = useQueues()
  const mayOperate = whyNot(me, { role: 'operator' }) === null
  const acts = (data?.data ?? []).flatMap(({ queue, paused }): Offer[] => {
    const page = {
      key: `queue ${queue}`,
      icon: <IconStack2 size={17} aria-hidden />,
      label: `Queue ${queue}`,
      run: () => go(`/queues/${encodeURIComponent(queue)}`),
    }
    const resume = () => void change(() => client.queues.resume(queue), { done: `${queue} goes on`, failed: `${queue} was not resumed` })
    const act = paused
      ? { key: `resume ${queue}`, icon: <IconPlayerPlay size={17} aria-hidden />, label: `Resume ${queue}`, run: resume }
      : { key: `pause ${queue}`, icon: <IconPlayerPause size={17} aria-hidden />, label: `Pause ${queue}`, run: () => onPause(queue) }
    return mayOperate ? [page, act] : [page]
  })
  if (whyNot(me, { role: 'admin' }) === null)
    acts.push({
      key: 'new schedule',
      icon: <IconCalendarPlus size={17} aria-hidden />,
      label: 'New schedule',
      run: () => go('/schedules/new'),
    })
  return { offers: acts.filter(({ label }) => matches(label, text)).slice(0, 8), isComplete: !isPending }
}

function useOffers(text: string, onPause: (queue: string) => void): Offers {
  const go = useGo()
  const me = useMe()
  const { data, isPending } = useQuery({ queryKey: ['tasks'], queryFn: () => client.tasks.list(), staleTime: 60_000 })
  const mayRun = whyNot(me, { role: 'operator' }) === null
  const trimmed = text.trim()
  const acts = useActs(trimmed, onPause)
  const pages: Offer[] = places
    .filter(({ label }) => trimmed === '' || matches(label, trimmed))
    .map(({ to, label, icon: Icon, key }) => ({
      key: to,
      icon: <Icon size={17} aria-hidden />,
      label,
      note: `g ${key}`,
      run: () => go(to),
    }))
  const tasks: Offer[] =
    mayRun && trimmed !== ''
      ? (data?.data ?? [])
          .filter(({ task }) => matches(task, trimmed))
          .slice(0, 8)
          .map(({ task, description }) => ({
            key: `run ${task}`,
            icon: <IconPlayerPlay size={17} aria-hidden />,
            label: `Run ${task}`,
            ...(description ? { note: description } : {}),
            run: () => go('/new', { task }),
          }))
      : []
  if (trimmed === '') return { offers: pages, isComplete: true }
  const find: Offer = {
    key: 'find',
    icon: <IconSearch size={17} aria-hidden />,
    label: `Find jobs: ${trimmed}`,
    run: () => go('/list', { q: trimmed }),
  }
  const id = trimmed.replace(/^#/, '')
  if (/^[1-9]\d{0,17}$/.test(id))
    return {
      offers: [{ key: 'job', icon: <IconHash size={17} aria-hidden />, label: `Open job ${id}`, run: () => go(`/${id}`) }, find],
      isComplete: true,
    }
  if (isQuery(trimmed)) return { offers: [find], isComplete: true }
  return { offers: [...tasks, ...pages, ...acts.offers, find], isComplete: acts.isComplete && !(mayRun && isPending) }
}

/** One box for everything: pages, tasks to run, queues to pause, jobs to find. */
export function Palette({ onClose, onPause }: { onClose: () => void; onPause: (queue: string) => void }) {
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const list = useId()
  const [isHeld, setHeld] = useState(false)
  const { offers, isComplete } = useOffers(text, onPause)
  const chosen = Math.min(at, offers.length - 1)
  const take = (offer: Offer | undefined) => {
    if (!offer) return
    onClose()
    offer.run()
  }
  // who types faster than the names arrive gets what they meant, not what happened to be there
  useEffect(() => {
    if (isHeld && isComplete) take(offers[chosen])
  })
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (step !== 0) {
      event.preventDefault()
      setHeld(false)
      setAt((chosen + step + offers.length) % offers.length)
    } else if (event.key === 'Enter') {
      event.preventDefault()
      if (isComplete) take(offers[chosen])
      else setHeld(true)
    }
  }
  return (
    <Dialog
      onClose={onClose}
      withCloseButton={false}
      size="lg"
      yOffset="12vh"
      padding={0}
      attributes={{ content: { 'aria-label': 'Search' } }}
      transitionProps={{ duration: 0 }}
    >
      <div className={css.box}>
        <IconSearch size={18} aria-hidden />
        <input
          // at once: whoever presses the key goes on typing
          ref={(box) => {
            if (box && document.activeElement !== box) box.focus()
          }}
          data-autofocus
          role="combobox"
          aria-expanded="true"
          aria-controls={list}
          aria-activedescendant={offers[chosen] ? `${list}-${chosen}` : undefined}
          aria-label="Search jobs, pages, tasks"
          placeholder="A page, a task to run, a job id, or a query such as state:failed age:<24h"
          value={text}
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => {
            setText(event.currentTarget.value)
            setAt(0)
            setHeld(false)
          }}
          onKeyDown={onKeyDown}
        />
      </div>
      <div role="listbox" id={list} aria-label="Offers" className={css.list}>
        {offers.map((offer, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the box
          <div
            key={offer.key}
            id={`${list}-${i}`}
            role="option"
            aria-selected={i === chosen}
            className={css.offer}
            onPointerMove={() => setAt(i)}
            onClick={() => take(offer)}
          >
            {offer.icon}
            <span className={css.label}>{offer.label}</span>
            {offer.note && <span className={css.note}>{offer.note}</span>}
            <IconArrowRight size={15} aria-hidden />
          </div>
        ))}
      </div>
    </Dialog>
  )
}
