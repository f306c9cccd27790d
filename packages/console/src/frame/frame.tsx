import { ActionIcon, Drawer, Tooltip } from '@mantine/core'
import { IconLayoutSidebarLeftCollapse, IconLayoutSidebarLeftExpand, IconMenu2, IconPlus, IconSearch } from '@tabler/icons-react'
import { Outlet, useRouterState } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useRef, useState } from 'react'
import { useOverviewLive } from '../live/data.ts'
import { useExpired } from '../live/expired.ts'
import { off } from '../parts/act.tsx'
import { Go, useGo } from '../parts/go.tsx'
import { Toasts } from '../parts/toasts.tsx'
import { prefer, usePreferences } from '../preferences.ts'
import { installation, useMe, whyNot } from '../session.tsx'
import css from './frame.module.css'
import { InboxBell } from './inbox-bell.tsx'
import { LiveChip } from './live-chip.tsx'
import { groups } from './nav.ts'
import { Palette } from './palette.tsx'
import { useShortcuts } from './shortcuts.ts'
import { UserMenu } from './user-menu.tsx'

const Relogin = lazy(() => import('./relogin.tsx'))
const KeyHelp = lazy(() => import('./key-help.tsx'))
const PauseDialog = lazy(() => import('../pages/queues/pause-dialog.tsx').then(({ PauseDialog: one }) => ({ default: one })))

const isApple = /Mac|iP(hone|ad|od)/.test(navigator.platform)

function Brand() {
  return (
    <Go to="/" className={css.brand} aria-label="Trunkline, to the overview">
      <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
        <path d="M3 6h18M3 12h11M3 18h18" fill="none" stroke="currentColor" strokeWidth="2.4" strokeLinecap="round" />
        <circle cx="18.5" cy="12" r="2.3" fill="currentColor" />
      </svg>
      <span>Trunkline</span>
    </Go>
  )
}

function Rail({ onChoice }: { onChoice?: () => void }) {
  const path = useRouterState({ select: (state) => state.location.pathname })
  const isHere = (to: string) => (to === '/' ? path === '/' : path === to || path.startsWith(`${to}/`))
  return (
    <nav className={css.nav} aria-label="Pages">
      {groups.map(({ label, places }) => (
        <div key={label} className={css.group}>
          <h2>{label}</h2>
          <ul>
            {places.map(({ to, label: name, icon: Icon }) => (
              <li key={to}>
                <Go
                  to={to}
                  className={css.place}
                  data-here={isHere(to) || undefined}
                  aria-current={isHere(to) ? 'page' : undefined}
                  {...(onChoice ? { onClick: onChoice } : {})}
                >
                  <Icon size={18} stroke={1.8} aria-hidden />
                  <span>{name}</span>
                </Go>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  )
}

/** After a change of page the heading has the focus, so that readers and keyboards go on there. */
function useFocusOnHeading() {
  const path = useRouterState({ select: (state) => state.resolvedLocation?.pathname })
  const first = useRef(true)
  const before = useRef(path)
  useEffect(() => {
    if (before.current === path) return
    before.current = path
    if (first.current) {
      first.current = false
      return
    }
    document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true })
    document.querySelector('main')?.scrollTo(0, 0)
  }, [path])
}

/** What is around every page. */
export function Frame() {
  const me = useMe()
  const { narrow } = usePreferences()
  const go = useGo()
  const [isDrawerOpen, openDrawer] = useState(false)
  const [overlay, show] = useState<'palette' | 'keys' | null>(null)
  const [pausing, pause] = useState<string | null>(null)
  useShortcuts({ palette: () => show('palette'), help: () => show('keys'), go })
  useFocusOnHeading()
  useOverviewLive()
  const isExpired = useExpired()
  const why = whyNot(me, { role: 'operator' })
  return (
    <div className={css.frame} data-narrow={narrow || undefined} data-tone={installation.tone}>
      <a className={css.skip} href="#content">
        Skip to the content
      </a>
      <aside className={css.rail}>
        <Brand />
        <Rail />
        <button
          type="button"
          className={css.fold}
          onClick={() => prefer({ narrow: !narrow })}
          aria-label={narrow ? 'Widen the navigation' : 'Narrow the navigation'}
        >
          {narrow ? <IconLayoutSidebarLeftExpand size={18} aria-hidden /> : <IconLayoutSidebarLeftCollapse size={18} aria-hidden />}
          <span>Narrow</span>
        </button>
      </aside>
      <Drawer opened={isDrawerOpen} onClose={() => openDrawer(false)} size={260} title="Trunkline" classNames={{ body: css.drawer }}>
        <Rail onChoice={() => openDrawer(false)} />
      </Drawer>
      <section className={css.header} aria-label="Bar">
        <ActionIcon
          variant="subtle"
          color="gray"
          size={36}
          className={css.burger}
          aria-label="Open the navigation"
          onClick={() => openDrawer(true)}
        >
          <IconMenu2 size={20} aria-hidden />
        </ActionIcon>
        <span className={css.environment} data-tone={installation.tone} title={`Environment: ${installation.environment}`}>
          {installation.environment}
        </span>
        <button type="button" className={css.search} onClick={() => show('palette')}>
          <IconSearch size={16} aria-hidden />
          <span>Search jobs, pages, tasks</span>
          <kbd aria-hidden>{isApple ? '⌘K' : 'Ctrl K'}</kbd>
        </button>
        <div className={css.right}>
          <LiveChip />
          <Tooltip label={why ?? 'Run a new job'} events={{ hover: true, focus: true, touch: true }}>
            <ActionIcon
              variant="filled"
              size={32}
              aria-label="Run a new job"
              {...off(why)}
              onClick={() => {
                if (!why) go('/new')
              }}
            >
              <IconPlus size={18} aria-hidden />
            </ActionIcon>
          </Tooltip>
          <InboxBell />
          <UserMenu onKeys={() => show('keys')} />
        </div>
      </section>
      <main id="content" className={css.main} tabIndex={-1}>
        <Outlet />
      </main>
      <Suspense fallback={null}>
        {overlay === 'palette' && <Palette onClose={() => show(null)} onPause={pause} />}
        {overlay === 'keys' && <KeyHelp onClose={() => show(null)} />}
        {pausing !== null && <PauseDialog queue={pausing} onClose={() => pause(null)} />}
      </Suspense>
      <Suspense fallback={null}>{isExpired && <Relogin />}</Suspense>
      <Toasts />
    </div>
  )
}
