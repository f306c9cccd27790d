import { type ReactNode, useEffect } from 'react'
import { installation } from '../session.tsx'
import css from './page.module.css'

/** A page: its heading, what can be done on it, its content. The title of the window follows. */
export function Page({
  title,
  heading,
  lead,
  actions,
  children,
  fill = false,
}: {
  title: string
  /** Where the heading is more than the title. */
  heading?: ReactNode
  lead?: ReactNode
  actions?: ReactNode
  children: ReactNode
  /** The page has the height of the window and scrolls inside. */
  fill?: boolean
}) {
  useEffect(() => {
    document.title = `${title} · Trunkline ${installation.environment}`
  }, [title])
  return (
    <div className={css.page} data-fill={fill || undefined}>
      <header className={css.head}>
        <div className={css.titles}>
          <h1 tabIndex={-1}>{heading ?? title}</h1>
          {lead && <div className={css.lead}>{lead}</div>}
        </div>
        {actions && <div className={css.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  )
}

/** A sheet with a heading of its own. */
export function Sheet({
  title,
  aside,
  children,
  flush = false,
  label,
}: {
  title?: ReactNode
  aside?: ReactNode
  children: ReactNode
  /** The content reaches the edges: tables, lists. */
  flush?: boolean
  label?: string
}) {
  return (
    <section className={css.sheet} data-flush={flush || undefined} aria-label={label ?? (typeof title === 'string' ? title : undefined)}>
      {(title || aside) && (
        <header className={css.sheetHead}>
          {title && <h2>{title}</h2>}
          {aside && <div className={css.aside}>{aside}</div>}
        </header>
      )}
      {children}
    </section>
  )
}
