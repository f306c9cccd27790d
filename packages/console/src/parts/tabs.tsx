import { type KeyboardEvent, type ReactNode, useEffect, useId } from 'react'
import css from './tabs.module.css'

/** A page of several that share a place. */
export interface Tab {
  name: string
  label: ReactNode
  content: () => ReactNode
}

/** Tabs; which one is open stands in the address. */
export function Tabs({
  tabs,
  open,
  onOpen,
  label,
}: {
  tabs: Tab[]
  open: string | undefined
  onOpen: (name: string) => void
  label: string
}) {
  const id = useId()
  const current = tabs.find(({ name }) => name === open) ?? tabs[0]
  // in a narrow window the tabs scroll: the open one is where it can be seen
  useEffect(() => {
    const tab = document.getElementById(`${id}-${current?.name}`)
    const list = tab?.parentElement
    if (!tab || !list) return
    // by hand: scrollIntoView would move the page as well
    const [inner, outer] = [tab.getBoundingClientRect(), list.getBoundingClientRect()]
    list.scrollLeft += inner.left + inner.width / 2 - (outer.left + outer.width / 2)
  }, [id, current?.name])
  const onKeyDown = (event: KeyboardEvent) => {
    const at = tabs.findIndex(({ name }) => name === current?.name)
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    const next = tabs[(at + step + tabs.length) % tabs.length]
    if (step === 0 || !next) return
    event.preventDefault()
    onOpen(next.name)
    document.getElementById(`${id}-${next.name}`)?.focus()
  }
  return (
    <>
      <div role="tablist" aria-label={label} className={css.list} onKeyDown={onKeyDown}>
        {tabs.map(({ name, label: text }) => (
          <button
            key={name}
            id={`${id}-${name}`}
            type="button"
            role="tab"
            aria-selected={name === current?.name}
            aria-controls={name === current?.name ? `${id}-panel` : undefined}
            tabIndex={name === current?.name ? 0 : -1}
            className={css.tab}
            onClick={() => onOpen(name)}
          >
            {text}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${current?.name}`} className={css.panel}>
        {current?.content()}
      </div>
    </>
  )
}
