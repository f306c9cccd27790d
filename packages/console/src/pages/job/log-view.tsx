import { Menu } from '@mantine/core'
import { IconArrowDown, IconChevronDown, IconChevronUp, IconDownload, IconMaximize, IconMinimize, IconTextWrap } from '@tabler/icons-react'
import { useVirtualizer, type Virtualizer } from '@tanstack/react-virtual'
import type { LogLineAnswer } from '@trunkline/client/contract'
import { type KeyboardEvent, type RefObject, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { copyText } from '../../parts/copy.ts'
import type { Search } from '../../parts/go.tsx'
import { Loading } from '../../parts/states.tsx'
import { toast } from '../../parts/toasts.tsx'
import { localTimeText } from '../../parts/words.ts'
import { useZone } from '../../preferences.ts'
import { client } from '../../session.tsx'
import css from './log.module.css'
import { type LogFilter, useLogWindow } from './log-data.ts'
import { LogLine, plain } from './log-line.tsx'

const levels = ['debug', 'info', 'warn', 'error'] as const
const lineHeight = 20

type Clock = 'time' | 'since' | 'none'

/** The line on which the keyboard stands: arrows move it, and the focus is on its link. It begins at the last line that is seen. */
function useLineCursor({
  lines,
  virtual,
  scroller,
  onMove,
}: {
  lines: LogLineAnswer[]
  virtual: Virtualizer<HTMLDivElement, Element>
  scroller: RefObject<HTMLDivElement | null>
  onMove: (at: number) => void
}) {
  const [no, setNo] = useState<string | null>(null)
  const wanted = useRef<string | null>(null)
  // a line that was not drawn yet takes the focus when it is
  useLayoutEffect(() => {
    if (wanted.current === null) return
    const button = scroller.current?.querySelector<HTMLElement>(`[data-line-no="${wanted.current}"]`)
    if (!button) return
    wanted.current = null
    button.focus({ preventScroll: true })
  })
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (step === 0 || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return
    const now = no === null ? -1 : lines.findIndex((line) => line.no === no)
    const box = scroller.current
    const bottom = (box?.scrollTop ?? 0) + (box?.clientHeight ?? 0) + 1
    const lastSeen = virtual.getVirtualItems().findLast(({ end }) => end <= bottom)?.index ?? lines.length - 1
    const at = now < 0 ? lastSeen : Math.max(0, Math.min(lines.length - 1, now + step))
    const line = lines[at]
    if (!line) return
    event.preventDefault()
    onMove(at)
    setNo(line.no)
    wanted.current = line.no
    virtual.scrollToIndex(at, { align: 'auto' })
  }
  return { no, onKeyDown }
}

/** The log of a job: live at its end, searched by the server, of any length. */
export function LogView({
  jobId,
  address,
  setAddress,
  isRunning,
}: {
  jobId: string
  address: Search
  setAddress: (change: Search) => void
  isRunning: boolean
}) {
  const zone = useZone()
  const [typed, setTyped] = useState(address.find ?? '')
  const filter: LogFilter = useMemo(
    () => ({ levels: address.level ? address.level.split(',') : [], stage: address.stage ?? '', search: address.find ?? '' }),
    [address.level, address.stage, address.find],
  )
  const { line } = address
  const log = useLogWindow(jobId, filter, line)
  const [clock, setClock] = useState<Clock>('time')
  const [isWrapped, wrap] = useState(false)
  const [isFull, setFull] = useState(false)
  const [isFollowing, follow] = useState(line === undefined)
  const scroller = useRef<HTMLDivElement>(null)
  const { lines } = log
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => lineHeight,
    overscan: 12,
    getItemKey: (i) => lines[i]?.no ?? i,
  })
  const stages = useMemo(() => [...new Set(lines.map(({ stage }) => stage).filter((stage): stage is string => stage !== null))], [lines])
  const began = lines[0] ? new Date(lines[0].at).getTime() : 0

  // the end stays on screen while it is followed
  useLayoutEffect(() => {
    if (isFollowing && lines.length > 0) virtual.scrollToIndex(lines.length - 1, { align: 'end' })
  }, [lines.length, isFollowing, virtual])
  // lines that come in above must not move what is read
  const firstNo = lines[0]?.no
  const before = useRef<{ no: string | undefined; count: number }>({ no: firstNo, count: lines.length })
  useLayoutEffect(() => {
    const { no } = before.current
    if (no !== undefined && firstNo !== undefined && no !== firstNo && !isFollowing) {
      const moved = lines.findIndex((one) => one.no === no)
      if (moved > 0 && scroller.current) scroller.current.scrollTop += moved * lineHeight
    }
    before.current = { no: firstNo, count: lines.length }
  }, [firstNo, lines, isFollowing])
  // a link to a line shows it
  const shownLine = useRef<string | null>(null)
  useEffect(() => {
    if (!line || log.isLoading || shownLine.current === line) return
    const at = lines.findIndex(({ no }) => no === line)
    if (at < 0) return
    shownLine.current = line
    virtual.scrollToIndex(at, { align: 'center' })
  }, [line, log.isLoading, lines, virtual])

  const cursor = useLineCursor({ lines, virtual, scroller, onMove: (at) => at < lines.length - 1 && follow(false) })

  function onScroll() {
    const box = scroller.current
    // while other lines are read there is nothing to scroll: whoever followed the end goes on to
    if (!box || log.isLoading) return
    const fromEnd = box.scrollHeight - box.scrollTop - box.clientHeight
    const isAtEnd = fromEnd < lineHeight * 2 && log.hasEnd
    if (isAtEnd !== isFollowing) follow(isAtEnd)
    if (isAtEnd) log.seen()
    if (box.scrollTop < 400) void log.grow('start')
    if (fromEnd < 400) void log.grow('end')
  }

  const toEnd = () => {
    setAddress({ line: undefined })
    shownLine.current = null
    follow(true)
    if (log.hasEnd) log.seen()
    else void log.toEnd()
  }
  const search = (text: string) => setAddress({ find: text.trim() || undefined, line: undefined })
  /** The next hit after, or the last before, the line that is marked. */
  const step = async (direction: 'after' | 'before') => {
    const from = line ?? (direction === 'after' ? '0' : '999999999999999999')
    const found = await client.jobs.logs(jobId, { [direction]: from, search: filter.search, limit: 1 })
    const hit = found.data[0]
    if (!hit) return toast({ tone: 'good', title: direction === 'after' ? 'No later line has it' : 'No earlier line has it' })
    follow(false)
    setAddress({ line: hit.no })
    shownLine.current = null
    if (!lines.some(({ no }) => no === hit.no)) await log.toLine(hit.no)
  }
  const copyLink = (no: string) => {
    follow(false)
    shownLine.current = no
    setAddress({ line: no })
    const url = new URL(location.href)
    url.searchParams.set('tab', 'logs')
    url.searchParams.set('line', no)
    void copyText(url.href).then((copied) => copied && toast({ tone: 'good', title: `Link to line ${no} copied` }))
  }
  // the same function for ever: lines are drawn anew only when something of them has changed
  const latestCopyLink = useRef(copyLink)
  latestCopyLink.current = copyLink
  const link = useCallback((no: string) => latestCopyLink.current(no), [])
  const toggle = (level: string) => {
    const next = filter.levels.includes(level) ? filter.levels.filter((one) => one !== level) : [...filter.levels, level]
    setAddress({ level: next.length === 0 || next.length === levels.length ? undefined : next.join(','), line: undefined })
  }
  const timeOf = (at: string) => {
    if (clock === 'time') return `${localTimeText(at, zone).slice(11)}.${at.slice(20, 23)}`
    return `+${((new Date(at).getTime() - began) / 1000).toFixed(3)}`
  }
  const download = (kind: 'text' | 'jsonl') => `${client.baseUrl}/api/v1/jobs/${jobId}/logs?download=${kind}`

  return (
    <div className={css.log} data-full={isFull || undefined}>
      <div className={css.tools}>
        <div className={css.levels} role="group" aria-label="Levels">
          {levels.map((level) => (
            <button
              key={level}
              type="button"
              className={css.level}
              data-level={level}
              aria-pressed={filter.levels.length === 0 || filter.levels.includes(level)}
              onClick={() => toggle(level)}
            >
              {level}
            </button>
          ))}
        </div>
        {(stages.length > 1 || filter.stage) && (
          <select
            className={css.select}
            aria-label="Stage"
            value={filter.stage}
            onChange={(event) => setAddress({ stage: event.currentTarget.value || undefined, line: undefined })}
          >
            <option value="">All stages</option>
            {[...new Set([...stages, ...(filter.stage ? [filter.stage] : [])])].map((stage) => (
              <option key={stage} value={stage}>
                {plain(stage)}
              </option>
            ))}
          </select>
        )}
        <form
          className={css.find}
          onSubmit={(event) => {
            event.preventDefault()
            search(typed)
          }}
        >
          <input
            aria-label="Search the log"
            placeholder="Search the whole log, Enter"
            value={typed}
            onChange={(event) => {
              setTyped(event.currentTarget.value)
              if (event.currentTarget.value === '') search('')
            }}
          />
        </form>
        {filter.search && (
          <>
            <button type="button" className={css.tool} aria-label="Previous hit" onClick={() => void step('before')}>
              <IconChevronUp size={16} aria-hidden />
            </button>
            <button type="button" className={css.tool} aria-label="Next hit" onClick={() => void step('after')}>
              <IconChevronDown size={16} aria-hidden />
            </button>
          </>
        )}
        <span className={css.space} />
        <select className={css.select} aria-label="Times" value={clock} onChange={(event) => setClock(event.currentTarget.value as Clock)}>
          <option value="time">Time of day</option>
          <option value="since">Since the first line</option>
          <option value="none">No times</option>
        </select>
        <button type="button" className={css.tool} aria-label="Wrap long lines" aria-pressed={isWrapped} onClick={() => wrap(!isWrapped)}>
          <IconTextWrap size={16} aria-hidden />
        </button>
        <Menu position="bottom-end">
          <Menu.Target>
            <button type="button" className={css.tool} aria-label="Download">
              <IconDownload size={16} aria-hidden />
            </button>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item component="a" href={download('text')} download>
              As text (.log)
            </Menu.Item>
            <Menu.Item component="a" href={download('jsonl')} download>
              As JSON lines (.jsonl)
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
        <button
          type="button"
          className={css.tool}
          aria-label={isFull ? 'Leave the full window' : 'Fill the window'}
          onClick={() => setFull(!isFull)}
        >
          {isFull ? <IconMinimize size={16} aria-hidden /> : <IconMaximize size={16} aria-hidden />}
        </button>
      </div>
      <div
        className={css.scroll}
        ref={scroller}
        onScroll={onScroll}
        onKeyDown={cursor.onKeyDown}
        role="log"
        aria-live="off"
        aria-label={`Log of job ${jobId}; the arrow keys go line by line, Enter copies a link to one`}
        tabIndex={0}
      >
        {log.error ? (
          <p className={css.nothing}>{log.error}</p>
        ) : log.isLoading ? (
          <Loading rows={10} height={12} />
        ) : lines.length === 0 ? (
          <p className={css.nothing}>
            {filter.search || filter.stage || filter.levels.length > 0
              ? 'No line fits.'
              : isRunning
                ? 'It has not said anything yet.'
                : 'It has not logged anything.'}
          </p>
        ) : (
          <div className={css.lines} data-wrapped={isWrapped || undefined} style={{ height: virtual.getTotalSize() }}>
            {virtual.getVirtualItems().map(({ index, start, key }) => {
              const one = lines[index]
              if (!one) return null
              return (
                <LogLine
                  key={key}
                  {...{ line: one, index, start }}
                  time={clock === 'none' ? null : timeOf(one.at)}
                  search={filter.search}
                  isMarked={one.no === line}
                  isCursor={one.no === cursor.no}
                  measure={isWrapped ? virtual.measureElement : undefined}
                  onLink={link}
                />
              )
            })}
          </div>
        )}
      </div>
      {!log.isLoading && lines.length > 0 && !isFollowing && (
        <button type="button" className={css.toEnd} onClick={toEnd}>
          <IconArrowDown size={15} aria-hidden /> {log.unseen > 0 ? `${log.unseen} new` : 'To the end'}
        </button>
      )}
    </div>
  )
}
