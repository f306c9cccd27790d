import { Button, Drawer, Select } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { IconArrowUp, IconFilter } from '@tabler/icons-react'
import type { JobAnswer } from '@trunkline/client/contract'
import { jobStates } from '@trunkline/client/contract'
import { lazy, Suspense, useCallback, useMemo, useRef, useState } from 'react'
import { useKeys } from '../../frame/shortcuts.ts'
import { BulkDialog, type BulkOf, type BulkVerb } from '../../parts/bulk-dialog.tsx'
import { useAddress, useGo } from '../../parts/go.tsx'
import { Page } from '../../parts/page.tsx'
import { QueryBox } from '../../parts/query-box.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import { countText, numberText } from '../../parts/words.ts'
import { prefer, usePreferences } from '../../preferences.ts'
import { ChoiceBar } from './choice-bar.tsx'
import css from './list.module.css'
import { type Asked, sorts, useCounts, useJobList, wholeQuery } from './list-data.ts'
import { NoMatch } from './no-match.tsx'
import { Rows } from './rows.tsx'
import { ViewsMenu } from './views-menu.tsx'

const Facets = lazy(() => import('./facets.tsx'))
const Aside = lazy(() => import('./aside.tsx'))

function Tabs({ asked, onState, total }: { asked: Asked; onState: (state: string) => void; total: string }) {
  const counts = useCounts(asked.q)
  return (
    <div className={css.tabs} role="group" aria-label="States">
      {['', ...jobStates].map((state) => {
        const count = state === '' ? null : counts[state as 'failed']
        const text =
          state === '' ? (asked.state === '' ? total : '') : count ? `${count.isEstimate ? '≈ ' : ''}${numberText(count.total)}` : ''
        return (
          <button
            key={state}
            type="button"
            className={css.tab}
            data-state={state}
            aria-pressed={asked.state === state}
            onClick={() => onState(state)}
          >
            {state || 'all'} <span className={css.tabCount}>{text}</span>
          </button>
        )
      })}
    </div>
  )
}

/** What is chosen: some rows, or all that match, frozen at a place of the feed. */
type Choice = { kind: 'some'; ids: ReadonlySet<string> } | { kind: 'all'; q: string; asOf: string; total: number }

const nothing: Choice = { kind: 'some', ids: new Set() }

function useChoice(jobs: JobAnswer[]) {
  const [choice, setChoice] = useState<Choice>(nothing)
  const last = useRef<string | null>(null)
  const ids = choice.kind === 'some' ? choice.ids : new Set<string>()
  const choose = (job: JobAnswer, range: boolean) => {
    const next = new Set(ids)
    const from = range && last.current !== null ? jobs.findIndex(({ id }) => id === last.current) : -1
    const to = jobs.findIndex(({ id }) => id === job.id)
    if (from >= 0) for (const one of jobs.slice(Math.min(from, to), Math.max(from, to) + 1)) next.add(one.id)
    else if (next.has(job.id)) next.delete(job.id)
    else next.add(job.id)
    last.current = job.id
    setChoice({ kind: 'some', ids: next })
  }
  return { choice, ids, choose, setChoice, clear: () => setChoice(nothing) }
}

/** The list of jobs: find, and act on many. */
export default function JobList() {
  const [address, setAddress] = useAddress()
  const go = useGo()
  const { density, facets } = usePreferences()
  const isNarrow = useMediaQuery('(max-width: 767px)', false) ?? false
  const isWide = useMediaQuery('(min-width: 1280px)', true) ?? true
  const [isDrawerOpen, openDrawer] = useState(false)
  const asked: Asked = { q: address.q ?? '', state: address.state ?? '', sort: address.sort ?? '-created' }
  const scroller = useRef<HTMLDivElement>(null)
  const hasChoice = useRef(false)
  const isStill = useCallback(() => hasChoice.current || (scroller.current?.scrollTop ?? 0) > 8, [])
  const list = useJobList(asked, { isStill })
  const { jobs } = list
  const { choice, ids, choose, setChoice, clear } = useChoice(jobs)
  const isAllChosen = choice.kind === 'all'
  const chosenCount = choice.kind === 'all' ? choice.total : ids.size
  hasChoice.current = chosenCount > 0
  const [active, setActive] = useState(-1)
  const [verb, setVerb] = useState<BulkVerb | null>(null)
  const tags = useMemo(() => [...new Set(jobs.slice(0, 500).flatMap((job) => job.tags))], [jobs])
  const total =
    list.total === undefined
      ? list.hasNextPage
        ? `${numberText(jobs.length)}+`
        : numberText(jobs.length)
      : `${list.isEstimate ? '≈ ' : ''}${numberText(list.total)}`
  const of: BulkOf = choice.kind === 'all' ? { filter: { q: choice.q }, asOf: choice.asOf } : { jobIds: [...ids].slice(0, 1000) }
  const ask = (change: Partial<Asked>) => {
    clear()
    setActive(-1)
    setAddress({ ...change, side: undefined })
  }
  const all = () => setChoice({ kind: 'all', q: wholeQuery(asked) || 'id:>0', asOf: list.asOf ?? '', total: list.total ?? jobs.length })
  const move = (step: number, isChoosing = false) => {
    if (jobs.length === 0) return
    const next = Math.max(0, Math.min(jobs.length - 1, active + step))
    setActive(next)
    const job = jobs[next]
    if (!job) return
    if (isChoosing && !ids.has(job.id)) choose(job, false)
    if (address.side) setAddress({ side: job.id })
    requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-job="${job.id}"]`)?.focus({ preventScroll: true }))
  }
  const show = ({ q = '', state = '', sort = '' }: Partial<Asked>) => {
    openDrawer(false)
    ask({ q, state, sort: sort === '-created' ? '' : sort })
  }
  const rail = <Facets asked={asked} onQuery={(q) => ask({ q })} onView={show} />
  const current = jobs[active]
  const onOne = (next: BulkVerb) => {
    if (chosenCount === 0 && current) choose(current, false)
    if (chosenCount > 0 || current) setVerb(next)
  }
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    'Shift+J': () => move(1, true),
    'Shift+K': () => move(-1, true),
    x: () => current && choose(current, false),
    '*': all,
    'Shift+*': all,
    o: () => current && setAddress({ side: current.id }),
    Enter: () => current && go(`/${current.id}`),
    r: () => onOne('retry'),
    c: () => onOne('cancel'),
    Escape: () => (chosenCount > 0 ? clear() : setAddress({ side: undefined })),
  })
  const onEnd = useCallback(() => {
    if (list.hasNextPage && !list.isFetchingNextPage) void list.fetchNextPage()
  }, [list.hasNextPage, list.isFetchingNextPage, list.fetchNextPage])
  const loadedChosen = jobs.length > 0 && jobs.every(({ id }) => ids.has(id))
  const height = isNarrow ? 84 : density === 'compact' ? 32 : 40
  return (
    <Page title="Jobs" fill>
      <div className={css.tools}>
        <QueryBox label="Query" value={asked.q} tags={tags} onChange={(q) => ask({ q })} />
        <Select
          aria-label="Order"
          w={190}
          data={Object.entries(sorts).map(([value, { label }]) => ({ value, label }))}
          value={asked.sort}
          onChange={(sort) => ask({ sort: sort === '-created' ? '' : (sort ?? '') })}
        />
        <Button
          variant="default"
          size="sm"
          leftSection={<IconFilter size={16} aria-hidden />}
          aria-expanded={isWide ? facets : isDrawerOpen}
          onClick={() => (isWide ? prefer({ facets: !facets }) : openDrawer(true))}
        >
          Narrow down
        </Button>
        <ViewsMenu asked={asked} onView={show} />
      </div>
      <Tabs asked={asked} total={total} onState={(state) => ask({ state })} />
      {!isWide && isDrawerOpen && (
        <Drawer opened onClose={() => openDrawer(false)} title="Narrow down" size={320}>
          <Suspense fallback={null}>{rail}</Suspense>
        </Drawer>
      )}
      <div className={css.split} data-beside={(address.side && !isNarrow) || undefined}>
        {isWide && facets && (
          <aside className={css.rail} aria-label="Narrow down">
            <Suspense fallback={null}>{rail}</Suspense>
          </aside>
        )}
        <div className={css.sheet}>
          {list.fresh > 0 && (
            <button
              type="button"
              className={css.fresh}
              onClick={() => {
                list.showFresh()
                scroller.current?.scrollTo(0, 0)
              }}
            >
              <IconArrowUp size={15} aria-hidden /> {list.fresh === 50 ? '50 or more' : list.fresh} new
            </button>
          )}
          <div className={css.scroll} ref={scroller}>
            <div role="table" aria-label="Jobs" aria-rowcount={jobs.length + 1} aria-busy={list.isFetching}>
              <div role="rowgroup">
                <div role="row" className={css.head} data-narrow={isNarrow || undefined}>
                  <div role="columnheader" className={css.check}>
                    <label>
                      <input
                        type="checkbox"
                        aria-label="Choose all loaded jobs"
                        checked={isAllChosen || loadedChosen}
                        ref={(box) => {
                          if (box) box.indeterminate = !isAllChosen && !loadedChosen && ids.size > 0
                        }}
                        onChange={() =>
                          chosenCount > 0 ? clear() : setChoice({ kind: 'some', ids: new Set(jobs.slice(0, 1000).map(({ id }) => id)) })
                        }
                      />
                    </label>
                  </div>
                  <div role="columnheader">State</div>
                  <div role="columnheader">Job</div>
                  <div role="columnheader">Queue</div>
                  <div role="columnheader" className={css.number}>
                    Attempt
                  </div>
                  <div role="columnheader" className={css.number}>
                    Waited
                  </div>
                  <div role="columnheader" className={css.number}>
                    Ran
                  </div>
                  <div role="columnheader" className={css.when}>
                    When
                  </div>
                </div>
              </div>
              {jobs.length > 0 && (
                <Rows
                  {...{ jobs, scroller, isNarrow, height, active, isAllChosen, onEnd }}
                  chosen={ids}
                  onActive={setActive}
                  onChoose={choose}
                  onAside={(job) => setAddress({ side: job.id })}
                />
              )}
            </div>
            {list.error ? (
              <Problem error={list.error} retry={() => void list.refetch()} what="The list could not be read." />
            ) : list.isPending ? (
              <Loading rows={12} />
            ) : jobs.length === 0 ? (
              asked.q === '' && asked.state === '' ? (
                <Empty
                  title="No job yet"
                  actions={<Button onClick={() => go('/new')}>Run a job</Button>}
                  code={{
                    'Command line': "trunkline enqueue backup_create '{}'",
                    TypeScript: 'await trunkline.enqueue(task, payload)',
                    SQL: "select trunkline.enqueue('backup_create', '{}'::jsonb)",
                  }}
                >
                  Jobs come from here, from code in any language, from schedules.
                </Empty>
              ) : (
                <NoMatch asked={asked} onQuery={(q) => ask({ q, state: '' })} />
              )
            ) : (
              <p className={css.end}>{list.hasNextPage ? 'Loading more …' : `${countText(jobs.length, 'job')}, that is all`}</p>
            )}
          </div>
          {chosenCount > 0 && (
            <ChoiceBar
              count={chosenCount}
              isAll={isAllChosen}
              canExtend={!isAllChosen && (loadedChosen || ids.size >= 1000) && (list.total ?? 0) > ids.size}
              total={total}
              onAll={all}
              onClear={clear}
              onVerb={setVerb}
            />
          )}
        </div>
        {address.side && (
          <Suspense fallback={null}>
            <Aside id={address.side} isNarrow={isNarrow} onClose={() => setAddress({ side: undefined })} />
          </Suspense>
        )}
      </div>
      {verb && <BulkDialog verb={verb} of={of} onClose={() => setVerb(null)} onDone={clear} />}
    </Page>
  )
}
